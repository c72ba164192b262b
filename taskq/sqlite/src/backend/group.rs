//! Saved groups: their tree as JSON, in Celery's nested form.

use rusqlite::{Connection, OptionalExtension};
use taskq_core::{
    backend::{Child, GroupMeta},
    broker::BrokerErrorKind,
    codec::{Value, json},
};

use crate::store::{Failure, Result, Tx};

pub(super) fn save(tx: &Tx<'_>, group: &GroupMeta, expires: Option<i64>) -> Result<()> {
    let tree = json::to_bytes(&group.clone().into_child().to_value()).map_err(|error| {
        Failure::new(BrokerErrorKind::Other, format!("group `{}` cannot be written: {error}", group.id))
    })?;
    tx.execute(
        "INSERT INTO saved_group (id, tree, expires) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET tree = ?2, expires = ?3",
        (&group.id, &tree[..], expires),
    )?;
    Ok(())
}

pub(super) fn load(conn: &Connection, id: &str, now: i64) -> Result<Option<GroupMeta>> {
    let mut select = conn
        .prepare_cached("SELECT tree FROM saved_group WHERE id = ?1 AND (expires IS NULL OR expires > ?2)")?;
    let Some(tree) = select.query_row((id, now), |row| row.get::<_, Vec<u8>>(0)).optional()? else {
        return Ok(None);
    };
    let child = json::from_slice::<Value>(&tree).ok().as_ref().and_then(Child::from_value);
    let unreadable =
        || Failure::new(BrokerErrorKind::Corrupt, format!("the saved group `{id}` cannot be read"));
    child.map(|child| Some(child.into())).ok_or_else(unreadable)
}

pub(super) fn forget(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM saved_group WHERE id = ?1", [id]).map(drop)
}

/// Removes what expired.
pub(super) fn remove_expired(tx: &Tx<'_>) -> Result<usize> {
    tx.execute("DELETE FROM saved_group WHERE expires <= ?1", [tx.now])
}
