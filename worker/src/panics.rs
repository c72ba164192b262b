//! Panics of tasks, as failures that say where it happened.

use std::{any::Any, cell::RefCell, panic, sync::Once};

use taskq_core::task::{Failure, FailureKind};

thread_local! {
    /// Where the last panic on this thread came from.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes the place of every panic from now on. The hook that was set before is still called.
pub(crate) fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string);
            // A panic while the thread ends must not panic again.
            let _ = LAST.try_with(|last| *last.borrow_mut() = place);
            before(info);
        }));
    });
}

/// The failure that a caught panic is stored as: type `Panic` of module `taskq`.
pub(crate) fn failure(payload: &(dyn Any + Send)) -> Failure {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the panic's payload is no text".to_owned());
    let place = LAST.with(|last| last.borrow_mut().take());
    let mut failure = Failure::new("Panic", message).in_module("taskq").of_kind(FailureKind::Panic);
    let at = place.map(|place| format!("\n  at {place}")).unwrap_or_default();
    failure.traceback = Some(format!("{failure}{at}"));
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_its_message_and_place() {
        note_places();
        let payload = panic::catch_unwind(|| panic!("boom {}", 7)).unwrap_err();
        let failure = failure(&*payload);
        assert_eq!(failure.to_string(), "Panic: boom 7");
        let traceback = failure.traceback.unwrap();
        assert!(traceback.contains("boom 7") && traceback.contains("panics.rs:"), "{traceback}");
    }
}
