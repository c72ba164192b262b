//! Failed steps of workflows, a row each.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    backend::{BackendError, FailedStep, FailedStepChange, FailedSteps},
};

use crate::store::{Result, Store, Tx, micros, micros_now};

#[derive(Debug)]
pub(super) struct Failed {
    pub(super) store: Arc<Store>,
    pub(super) expires: Option<Duration>,
}

impl FailedSteps for Failed {
    fn keep<'a>(&'a self, step: &'a FailedStep) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let (workflow, id, bytes) = (step.workflow.clone(), step.id.clone(), step.to_bytes());
            let expires = self.expires.map(micros);
            let work = move |tx: &Tx<'_>| {
                let expires = expires.map(|after| tx.now.saturating_add(after));
                let sql = "INSERT OR REPLACE INTO failed_step (workflow, id, step, expires)
                           VALUES (?1, ?2, ?3, ?4)";
                tx.execute(sql, (&workflow, &id, &bytes, expires)).map(drop)
            };
            self.store.write(work).await.map_err(|failure| failure.backend("keep a failed step"))
        })
    }

    fn of<'a>(
        &'a self,
        workflow: &'a str,
    ) -> BoxFuture<'a, std::result::Result<Vec<FailedStep>, BackendError>> {
        Box::pin(async move {
            let name = workflow.to_owned();
            let rows = self.store.read(move |conn| {
                let sql = "SELECT id, step FROM failed_step
                           WHERE workflow = ?1 AND (expires IS NULL OR expires > ?2)";
                let mut select = conn.prepare_cached(sql)?;
                let rows = select.query_map((&name, micros_now()), |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
                })?;
                Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
            });
            let rows = rows.await.map_err(|failure| failure.backend("read failed steps"))?;
            let read = |(id, stored)| FailedStep::from_bytes(workflow, id, stored);
            Ok(rows.into_iter().filter_map(read).collect())
        })
    }

    fn replace<'a>(
        &'a self,
        changes: &'a [FailedStepChange],
    ) -> BoxFuture<'a, std::result::Result<Vec<bool>, BackendError>> {
        Box::pin(async move {
            let bytes = |(read, new): &FailedStepChange| {
                let new = new.as_ref().map(FailedStep::to_bytes);
                (read.workflow.clone(), read.id.clone(), read.to_bytes(), new)
            };
            let changes: Vec<_> = changes.iter().map(bytes).collect();
            let work = move |tx: &Tx<'_>| {
                let update = "UPDATE failed_step SET step = ?4 WHERE workflow = ?1 AND id = ?2 AND step = ?3";
                let delete = "DELETE FROM failed_step WHERE workflow = ?1 AND id = ?2 AND step = ?3";
                let replace = |(workflow, id, read, new): &(String, String, Vec<u8>, Option<Vec<u8>>)| {
                    let changed = match new {
                        Some(new) => tx.execute(update, (workflow, id, read, new)),
                        None => tx.execute(delete, (workflow, id, read)),
                    };
                    changed.map(|rows| rows == 1)
                };
                changes.iter().map(replace).collect::<Result<Vec<bool>>>()
            };
            self.store.write(work).await.map_err(|failure| failure.backend("replace failed steps"))
        })
    }
}

/// Removes what expired.
pub(super) fn remove_expired(tx: &Tx<'_>) -> Result<usize> {
    tx.execute("DELETE FROM failed_step WHERE expires <= ?1", [tx.now])
}
