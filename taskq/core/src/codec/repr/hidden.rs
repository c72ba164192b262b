//! Names whose values are never shown: the setting `redact`.
//!
//! Kept true here: it is one list a process, looked at by everything that shows arguments, so that no log, event
//! or header can be forgotten; while it is empty it costs one load.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

/// What stands for a hidden value, as in addresses.
pub(super) const MASK: &str = "'**'";

static ANY: AtomicBool = AtomicBool::new(false);
static NAMES: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Hides the values of arguments, and of entries of maps within them, that have one of these names, in any case.
/// Names are added to those that are hidden already.
pub fn hide(names: &[String]) {
    let mut all = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    for name in names {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            all.push(name.clone());
        }
    }
    ANY.store(!all.is_empty(), Ordering::Release);
}

/// Whether anything is hidden.
pub fn hides_any() -> bool {
    ANY.load(Ordering::Acquire)
}

/// Whether values of this name are hidden.
pub fn hides(name: &str) -> bool {
    hides_any() && {
        let all = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }
}
