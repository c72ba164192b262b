//! One event at a time, into the state of now and into history.

use std::{collections::HashSet, sync::Arc};

use taskq_core::event::Event;

use crate::{
    live::{Change, Live},
    record::{Told, decode},
    store::Store,
};

/// Texts of which one copy is shared.
const MOST_SHARED: usize = 50_000;

/// Takes events in.
#[derive(Debug)]
pub(crate) struct Intake {
    store: Arc<Store>,
    live: Arc<Live>,
    shared: HashSet<Arc<str>>,
}

impl Intake {
    pub(crate) fn new(store: Arc<Store>, live: Arc<Live>) -> Self {
        Self { store, live, shared: HashSet::new() }
    }

    /// Takes in an event that came at `now`, in seconds since 1970.
    pub(crate) fn take(&mut self, event: Event, now: f64) {
        self.live.hear(&event, now);
        let Some(what) = event.kind.strip_prefix("task-").map(str::to_owned) else { return };
        let kind = share(&mut self.shared, &event.kind);
        let shared = &mut self.shared;
        let Some(told) = decode(event, &what, now, &mut |text| share(shared, text)) else {
            self.live.garbage(1);
            return;
        };
        self.tell(told, &kind, now);
    }

    fn tell(&self, told: Told, kind: &Arc<str>, now: f64) {
        let (step, host) = (told.mark.step, Arc::clone(&told.mark.host));
        let runtime = told.mark.end.as_ref().and_then(|end| end.runtime);
        let id = Arc::clone(&told.id);
        let heard = self.store.tell(told);
        self.live.count(&host, kind, step, &heard, runtime, now);
        // Not before it is told: whoever hears of it asks for it.
        self.live.changed(|| Change::Task(id));
    }
}

/// The shared copy of a text.
fn share(shared: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = shared.get(text) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    if shared.len() < MOST_SHARED {
        shared.insert(Arc::clone(&text));
    }
    text
}
