//! The permissions, by name, and the roles that stand for several of them.

/// Makes the permissions: each with its name and what it allows, in one place.
macro_rules! permissions {
    ($($variant:ident $name:literal $what:literal;)*) => {
        /// What somebody may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Permission {
            $(#[doc = $what] $variant,)*
        }

        impl Permission {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name: `task.revoke`.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

permissions! {
    View "view" "See tasks, workers and queues.";
    ViewPayloads "view_payloads" "See arguments, results and errors, without secrets.";
    ViewPayloadsRaw "view_payloads_raw" "See secrets, too, where the broker, the result backend or a worker tells them.";
    TaskCall "task.call" "Send tasks, and edited ones again.";
    TaskRetry "task.retry" "Send tasks again as they were.";
    TaskRevoke "task.revoke" "Keep tasks from starting.";
    TaskTerminate "task.terminate" "End tasks that run.";
    TaskDelete "task.delete" "Remove stored results.";
    QueuePause "queue.pause" "Pause and resume queues.";
    QueueEdit "queue.edit" "Move and delete waiting messages.";
    QueuePurge "queue.purge" "Empty queues, and put back what was in them.";
    DeadReplay "dead.replay" "Put dead letters back to their queue.";
    DeadEdit "dead.edit" "Change dead letters before they are put back.";
    DeadDrop "dead.drop" "Remove dead letters.";
    WorkerPool "worker.pool" "Grow, shrink, restart and autoscale pools.";
    WorkerConsumers "worker.consumers" "Have workers consume queues or not.";
    WorkerLimits "worker.limits" "Set rate and time limits.";
    WorkerShutdown "worker.shutdown" "Drain workers and shut them down.";
    ScheduleRun "schedule.run" "Run entries of the schedule now.";
    ScheduleEdit "schedule.edit" "Change, pause and delete entries of the schedule.";
    AlertEdit "alert.edit" "Change alerts.";
    AuditView "audit.view" "See what was done through the board.";
    Admin "admin" "Everything, and tokens and sessions of others.";
}

impl Permission {
    /// The permission of that name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// Whether it lets somebody see rather than do.
    pub(crate) fn only_looks(self) -> bool {
        matches!(self, Self::View | Self::ViewPayloads | Self::ViewPayloadsRaw | Self::AuditView)
    }

    /// Whether it can be limited to queues and tasks: lists and charts show all or nothing.
    pub(crate) fn can_be_limited(self) -> bool {
        !matches!(self, Self::View | Self::AuditView | Self::Admin)
    }
}

/// Permissions that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look.
    Viewer,
    /// Look, and do what can be done again or undone.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it holds a permission. One that is new is an admin's until it is listed here.
    pub(crate) fn holds(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Admin => true,
            Self::Viewer => permission.only_looks() && permission != P::ViewPayloadsRaw,
            Self::Operator => {
                Self::Viewer.holds(permission)
                    || matches!(
                        permission,
                        P::TaskCall
                            | P::TaskRetry
                            | P::TaskRevoke
                            | P::TaskTerminate
                            | P::QueuePause
                            | P::QueueEdit
                            | P::DeadReplay
                            | P::DeadEdit
                            | P::WorkerPool
                            | P::WorkerConsumers
                            | P::WorkerLimits
                            | P::ScheduleRun
                    )
            }
        }
    }
}
