//! What somebody sees of arguments, results and errors that come straight from the broker, the result backend or a
//! worker.
//!
//! Kept true here: secrets are shown to those only who may see them (`view_payloads_raw`). What history holds went
//! through the same patterns when it was written, for everybody.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Caller, Permission, Target};
use crate::{redact::Redact, server::Shared};

/// How much of a payload somebody sees.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    Nothing,
    WithoutSecrets(Arc<Redact>),
    Whole,
}

impl Caller {
    /// What they see of the payload of that.
    pub(crate) fn sight(&self, shared: &Shared, target: Target<'_>) -> Sight {
        if self.may_on(Permission::ViewPayloadsRaw, target) {
            Sight::Whole
        } else if self.may_on(Permission::ViewPayloads, target) {
            Sight::WithoutSecrets(Arc::clone(&shared.redact))
        } else {
            Sight::Nothing
        }
    }
}

impl Sight {
    /// Whether anything is seen.
    pub(crate) fn any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// An object as it may be seen. Paths begin with its fields.
    pub(crate) fn of(&self, mut value: Json) -> Json {
        match self {
            Self::Nothing => Json::Null,
            Self::WithoutSecrets(redact) => {
                redact.json(&mut value);
                value
            }
            Self::Whole => value,
        }
    }

    /// A text as it may be seen; `root` is what paths call it.
    pub(crate) fn text(&self, root: &str, text: &str) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::WithoutSecrets(redact) => Some(redact.text(root, text).into_owned()),
            Self::Whole => Some(text.to_owned()),
        }
    }
}
