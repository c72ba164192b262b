//! Where messages are put, and from where streams read them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;

/// Messages that a reader may be behind before it is told that it missed some.
const BEHIND: usize = 256;
/// Messages that are kept for readers that come back.
const KEPT: usize = 600;

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// `<board>-<number>`
    pub(super) id: String,
    pub(super) event: &'static str,
    pub(super) data: String,
}

/// The messages.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Names this run of the board: numbers of another one mean nothing.
    run: u32,
    sender: broadcast::Sender<Arc<Message>>,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    last: u64,
    messages: VecDeque<(u64, Arc<Message>)>,
}

/// How a stream begins.
#[derive(Debug)]
pub(super) struct Start {
    /// The first message: `hello`, or `reset` if what was missed is not known any more.
    pub(super) hello: Arc<Message>,
    pub(super) missed: Vec<Arc<Message>>,
    pub(super) receiver: broadcast::Receiver<Arc<Message>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { run: fastrand::u32(..), sender: broadcast::Sender::new(BEHIND), ring: Mutex::default() }
    }
}

impl Hub {
    /// Streams that are open.
    pub(super) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Puts a message.
    pub(super) fn put(&self, event: &'static str, data: String) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.last += 1;
        let number = ring.last;
        let message = Arc::new(Message { id: self.id(number), event, data });
        if ring.messages.len() >= KEPT {
            ring.messages.pop_front();
        }
        ring.messages.push_back((number, Arc::clone(&message)));
        // Under the lock: who begins to listen misses nothing and gets nothing twice. Nobody listens: fine.
        let _ = self.sender.send(message);
    }

    /// Listens, after the message of this id if there is one.
    pub(super) fn listen(&self, after: Option<&str>) -> Start {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let after = after.map(|id| self.number(id));
        let oldest = ring.messages.front().map_or(ring.last + 1, |(number, _)| *number);
        let (event, missed) = match after {
            None => ("hello", Vec::new()),
            Some(Some(number)) if number <= ring.last && number + 1 >= oldest => {
                let later = ring.messages.iter().filter(|(other, _)| *other > number);
                ("hello", later.map(|(_, message)| Arc::clone(message)).collect())
            }
            Some(_) => ("reset", Vec::new()),
        };
        // Its id is where the missed ones begin, so that a reader that is cut off between is right.
        let number = match after {
            Some(Some(number)) if event == "hello" => number,
            _ => ring.last,
        };
        let hello = Arc::new(Message { id: self.id(number), event, data: "{}".to_owned() });
        Start { hello, missed, receiver }
    }

    fn id(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.run)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.split_once('-')?;
        (u32::from_str_radix(run, 16).ok()? == self.run).then(|| number.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_gets_what_was_missed_once_or_is_told_to_read_anew() {
        let hub = Hub::default();
        hub.put("tick", "1".into());
        let first = hub.listen(None);
        assert_eq!((first.hello.event, first.missed.len()), ("hello", 0));
        hub.put("tick", "2".into());
        hub.put("tick", "3".into());
        let again = hub.listen(Some(&first.hello.id));
        let data: Vec<&str> = again.missed.iter().map(|message| message.data.as_str()).collect();
        assert_eq!(data, ["2", "3"]);
        assert!(hub.listen(Some(&again.missed[1].id)).missed.is_empty());
        for foreign in ["ffffffff-1", "x", "", "-", "00000000-99999"] {
            assert_eq!(hub.listen(Some(foreign)).hello.event, "reset", "{foreign}");
        }
        for number in 0..2 * KEPT {
            hub.put("tick", number.to_string());
        }
        assert_eq!(hub.listen(Some(&first.hello.id)).hello.event, "reset", "too long ago");
        assert_eq!(hub.ring.lock().unwrap().messages.len(), KEPT);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_and_holds_nothing_up() {
        let hub = Hub::default();
        let mut slow = hub.listen(None).receiver;
        for number in 0..BEHIND + 10 {
            hub.put("tick", number.to_string());
        }
        assert!(matches!(slow.recv().await, Err(broadcast::error::RecvError::Lagged(10))));
        assert_eq!(slow.recv().await.unwrap().data, "10");
    }
}
