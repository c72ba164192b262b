//! Who asks, and may they.
//!
//! Every handler that changes something takes a [`Caller`] and requires a [`Permission`], for what it is done to
//! where that is known:
//!
//! ```text
//! async fn purge(caller: Caller, Path(queue): Path<String>) -> Answer {
//!     caller.require_on(Permission::QueuePurge, Target::queue(&queue))?;
//! ```
//!
//! Kept true here: [`require`](Caller::require) without a target is refused to those whose permission is limited.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::{
    permission::{Permission, Role},
    rights::{Rights, Target},
};
use crate::server::Refusal;

/// Who asks. A handler that takes it gets whom [`Auth`](super::Auth) let pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The name; `None`: nobody was asked.
    pub(crate) name: Option<String>,
    /// The address they ask from, as a proxy says that is believed.
    pub(crate) from: Option<String>,
    /// The id of their session, if they have one.
    pub(crate) session: Option<String>,
    /// What they may do.
    pub(crate) rights: Rights,
    /// Whether nobody may do more than look.
    pub(crate) read_only: bool,
    /// Whether what they ask for now stands in the audit log.
    pub(super) written: Arc<AtomicBool>,
}

impl Caller {
    /// Whether they may, whatever it is done to.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.may_on(permission, Target::default())
    }

    /// Whether they may do it to that.
    pub(crate) fn may_on(&self, permission: Permission, target: Target<'_>) -> bool {
        (permission.only_looks() || !self.read_only) && self.rights.cover(permission, target)
    }

    /// Whether they may do it to something.
    pub(crate) fn may_some(&self, permission: Permission) -> bool {
        (permission.only_looks() || !self.read_only) && self.rights.have(permission)
    }

    /// # Errors
    /// 403 when they may not, or not to everything.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Refusal> {
        self.require_on(permission, Target::default())
    }

    /// # Errors
    /// 403 when they may not do it to that.
    pub(crate) fn require_on(&self, permission: Permission, target: Target<'_>) -> Result<(), Refusal> {
        if self.may_on(permission, target) {
            return Ok(());
        }
        if !self.may_some(permission) {
            return Err(self.refused(permission));
        }
        let of = match (target.task, target.queue) {
            (Some(task), Some(queue)) => format!("task `{task}` in queue `{queue}`"),
            (Some(task), None) => format!("task `{task}` in a queue that is not known"),
            (None, Some(queue)) => format!("the whole of queue `{queue}`"),
            (None, None) => "something that is of no queue and no task, or of all".to_owned(),
        };
        let text = format!("your permission `{}` is limited, and does not cover {of}", permission.name());
        Err(Refusal::text(StatusCode::FORBIDDEN, "forbidden", text))
    }

    /// # Errors
    /// 403 when they may do it to nothing.
    pub(crate) fn require_some(&self, permission: Permission) -> Result<(), Refusal> {
        if self.may_some(permission) { Ok(()) } else { Err(self.refused(permission)) }
    }

    fn refused(&self, permission: Permission) -> Refusal {
        if self.read_only && !permission.only_looks() {
            return read_only();
        }
        let text = format!("this needs the permission `{}`", permission.name());
        Refusal::text(StatusCode::FORBIDDEN, "forbidden", text)
    }

    /// What their role is called; nobody is more than a viewer while the board is read-only.
    pub(crate) fn role(&self) -> &'static str {
        match self.rights.name() {
            "operator" | "admin" if self.read_only => Role::Viewer.name(),
            name => name,
        }
    }

    /// What they ask for now stands in the audit log.
    pub(crate) fn written(&self) {
        self.written.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub(crate) fn is_written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
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
    fn a_caller_whom_nobody_knows_may_nothing() {
        let nobody = Caller::default();
        assert!(Permission::ALL.iter().all(|permission| !nobody.may(*permission)));
        assert!(nobody.require(Permission::View).is_err());
    }

    #[test]
    fn nobody_changes_anything_while_the_board_is_read_only() {
        let admin = Caller { rights: Role::Admin.into(), read_only: true, ..Caller::default() };
        let able: Vec<_> = Permission::ALL.iter().filter(|it| admin.may(**it)).map(|it| it.name()).collect();
        assert_eq!(able, ["view", "view_payloads", "view_payloads_raw", "audit.view"]);
        let (_, code, text) = admin.require(Permission::TaskRevoke).unwrap_err().into_parts();
        assert_eq!((code, text.as_str()), ("read_only", "Read only mode is enabled"));
    }
}
