//! Who asks, and may they.
//!
//! Every handler that changes something takes a [`Caller`] and requires a [`Permission`]:
//!
//! ```text
//! async fn purge(caller: Caller, State(shared): State<Shared>) -> Answer {
//!     caller.require(Permission::QueuePurge)?;
//! ```

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::server::Refusal;

/// What somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // `name` says it
#[allow(dead_code)] // the pages' API asks for the rest
pub(crate) enum Permission {
    View,
    ViewPayloads,
    TaskCall,
    TaskRetry,
    TaskRevoke,
    TaskTerminate,
    TaskDelete,
    QueuePause,
    QueueEdit,
    QueuePurge,
    DeadReplay,
    DeadEdit,
    DeadDrop,
    WorkerPool,
    WorkerConsumers,
    WorkerLimits,
    WorkerShutdown,
    ScheduleRun,
    ScheduleEdit,
    AlertEdit,
    AuditView,
    Admin,
}

impl Permission {
    /// All of them.
    #[allow(dead_code)] // the pages show a user's own
    pub(crate) const ALL: [Self; 22] = [
        Self::View,
        Self::ViewPayloads,
        Self::TaskCall,
        Self::TaskRetry,
        Self::TaskRevoke,
        Self::TaskTerminate,
        Self::TaskDelete,
        Self::QueuePause,
        Self::QueueEdit,
        Self::QueuePurge,
        Self::DeadReplay,
        Self::DeadEdit,
        Self::DeadDrop,
        Self::WorkerPool,
        Self::WorkerConsumers,
        Self::WorkerLimits,
        Self::WorkerShutdown,
        Self::ScheduleRun,
        Self::ScheduleEdit,
        Self::AlertEdit,
        Self::AuditView,
        Self::Admin,
    ];

    /// Its name: `task.revoke`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::ViewPayloads => "view_payloads",
            Self::TaskCall => "task.call",
            Self::TaskRetry => "task.retry",
            Self::TaskRevoke => "task.revoke",
            Self::TaskTerminate => "task.terminate",
            Self::TaskDelete => "task.delete",
            Self::QueuePause => "queue.pause",
            Self::QueueEdit => "queue.edit",
            Self::QueuePurge => "queue.purge",
            Self::DeadReplay => "dead.replay",
            Self::DeadEdit => "dead.edit",
            Self::DeadDrop => "dead.drop",
            Self::WorkerPool => "worker.pool",
            Self::WorkerConsumers => "worker.consumers",
            Self::WorkerLimits => "worker.limits",
            Self::WorkerShutdown => "worker.shutdown",
            Self::ScheduleRun => "schedule.run",
            Self::ScheduleEdit => "schedule.edit",
            Self::AlertEdit => "alert.edit",
            Self::AuditView => "audit.view",
            Self::Admin => "admin",
        }
    }
}

/// What somebody may do in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// Look.
    #[default]
    Viewer,
    /// Everything.
    Admin,
}

/// Who asks. A handler that takes it gets whom [`Auth`](super::Auth) let pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The name; `None`: nobody was asked.
    pub(crate) name: Option<String>,
    /// The address they ask from, as a proxy says that is believed.
    pub(crate) from: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether that is because nobody may do more.
    pub(crate) read_only: bool,
}

impl Caller {
    /// Whether they may.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Viewer => {
                matches!(permission, Permission::View | Permission::ViewPayloads | Permission::AuditView)
            }
        }
    }

    /// # Errors
    /// 403 when they may not.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Refusal> {
        match (self.may(permission), self.read_only) {
            (true, _) => Ok(()),
            (false, true) => Err(read_only()),
            (false, false) => {
                let text = format!("this needs the permission `{}`", permission.name());
                Err(Refusal::text(StatusCode::FORBIDDEN, "forbidden", text))
            }
        }
    }

    /// For the audit log.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("anonymous")
    }
}

/// What Flower says in read-only mode.
pub(super) fn read_only() -> Refusal {
    Refusal::text(StatusCode::FORBIDDEN, "read_only", "Read only mode is enabled")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_may_only_look_changes_nothing() {
        let viewer = Caller::default();
        let able: Vec<_> =
            Permission::ALL.into_iter().filter(|p| viewer.may(*p)).map(Permission::name).collect();
        assert_eq!(able, ["view", "view_payloads", "audit.view"]);
        assert!(viewer.require(Permission::TaskRevoke).is_err());
        let admin = Caller { role: Role::Admin, ..Caller::default() };
        assert!(Permission::ALL.into_iter().all(|permission| admin.may(permission)));
    }
}
