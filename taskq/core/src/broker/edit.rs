//! A message that was put aside, with other arguments.
//!
//! Kept true here: headers that nobody knows and what follows the task (chain, chord, callbacks) stay; the task begins
//! anew, from its first attempt, at once and with no end that has passed.

use super::DeadLetter;
use crate::{
    codec::{Accept, CodecError, Map, Value},
    config::Settings,
    protocol::{Arguments, DeliveryInfo, Message, Request, TaskId, TaskMessage},
};

/// The header that names the task that another one was made from.
pub const EDIT_OF: &str = "retry_of";

/// The id of a task with other arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditedId {
    /// That of the letter, which is to be removed.
    Same,
    /// One of its own, with [`EDIT_OF`] for the other: the letter stays.
    New,
}

impl DeadLetter {
    /// Its task.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn request(&self, settings: &Settings, accept: &Accept) -> Result<Request, String> {
        let message = self.message.clone().ok_or("kombu or taskq did not write it")?;
        let delivery = DeliveryInfo { queue: self.queue.as_str().into(), ..DeliveryInfo::default() };
        let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
        Request::decode(message, delivery, accept, &settings.zone(), limit)
            .map_err(|malformed| malformed.detail)
    }
}

/// A task with other arguments.
#[must_use]
pub fn edited(mut request: Request, args: Vec<Value>, kwargs: Map, id: EditedId) -> Request {
    if id == EditedId::New {
        let id = TaskId::new();
        let of = std::mem::replace(&mut request.headers.id, id.clone());
        if request.headers.root_id.as_ref() == Some(&of) {
            request.headers.root_id = Some(id);
        }
        request.properties.correlation_id = None;
        request.headers.extra.insert(EDIT_OF.to_owned(), Value::from(of.as_str()));
    }
    let headers = &mut request.headers;
    (headers.retries, headers.eta, headers.expires) = (0, None, None);
    (headers.argsrepr, headers.kwargsrepr) = (None, None);
    request.arguments = Arguments::Values { args, kwargs };
    request
}

/// A task as a message, in the format that it came in.
///
/// # Errors
/// When that is not accepted, or cannot hold an argument.
pub fn rewritten(request: &Request, accept: &Accept) -> Result<Message, CodecError> {
    let serializer = accept.check(&request.content_type)?;
    TaskMessage::of(request)?.encode(request.protocol, serializer, request.headers.compression.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{DeadKind, DeadReason},
        protocol::{Embed, Headers, Properties, Protocol},
    };

    #[test]
    fn a_letter_with_other_arguments_begins_anew_and_keeps_what_follows_it() {
        let mut headers = Headers::new("shop.add", TaskId::from("t1"));
        headers.root_id = Some(TaskId::from("t1"));
        headers.retries = 3;
        headers.expires = Some("2030-01-01T00:00:00+00:00".to_owned());
        let next = Value::Map(Map::from_iter([("task".to_owned(), Value::from("shop.next"))]));
        let embed = Embed { chain: Some(vec![next]), ..Embed::default() };
        let message = TaskMessage {
            headers,
            properties: Properties::default(),
            args: "[1]".into(),
            kwargs: "{}".into(),
            embed: embed.clone(),
        };
        let accept = Accept::all();
        let message = message.encode(Protocol::V2, accept.check("application/json").unwrap(), None);
        let letter = DeadLetter {
            id: "1".to_owned(),
            queue: "celery".to_owned(),
            reason: DeadReason::new(DeadKind::Rejected, "no"),
            at: crate::Timestamp::now(),
            deliveries: 1,
            original: "x".into(),
            message: Some(message.unwrap()),
        };
        let settings = Settings::default();
        let request = letter.request(&settings, &accept).unwrap();
        for id in [EditedId::Same, EditedId::New] {
            let edited = edited(request.clone(), vec![2.into()], Map::default(), id);
            let message = Some(rewritten(&edited, &accept).unwrap());
            let again = DeadLetter { message, ..letter.clone() }.request(&settings, &accept).unwrap();
            let headers = &again.headers;
            assert_eq!((headers.retries, headers.expires.is_none()), (0, true));
            assert_eq!(again.arguments.to_values().unwrap().0, vec![Value::from(2)]);
            assert_eq!(again.embed, embed);
            let of = headers.extra.get(EDIT_OF).and_then(Value::as_str);
            match id {
                EditedId::Same => assert_eq!((headers.id.as_str(), of), ("t1", None)),
                EditedId::New => {
                    assert_eq!(of, Some("t1"));
                    assert_eq!(headers.root_id.as_ref(), Some(&headers.id));
                }
            }
        }
    }
}
