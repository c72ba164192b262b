//! How a task was called, as its sender or its receiver tells.

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};

/// What a `task-sent` or `task-received` says of the call. The newest of each kind stands, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Seconds since 1970, by the sender's clock.
    pub(crate) at: f64,
    /// Who told.
    pub(crate) host: Arc<str>,
    pub(crate) said: Said,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) args: Option<String>,
    pub(crate) kwargs: Option<String>,
    pub(crate) root_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) retries: Option<i64>,
    pub(crate) eta: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) queue: Option<Arc<str>>,
    pub(crate) exchange: Option<Arc<str>>,
    pub(crate) routing_key: Option<Arc<str>>,
}

impl Call {
    fn order(&self, other: &Self) -> Ordering {
        self.at
            .total_cmp(&other.at)
            .then_with(|| self.host.cmp(&other.host))
            .then_with(|| self.said.cmp(&other.said))
    }

    /// Keeps the newer of two.
    pub(crate) fn newer(slot: &mut Option<Self>, other: Option<Self>) {
        let Some(other) = other else { return };
        if slot.as_ref().is_none_or(|known| known.order(&other) == Ordering::Less) {
            *slot = Some(other);
        }
    }
}
