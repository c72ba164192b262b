//! `dead edit`: other arguments for a dead letter, checked, and back to its queue.
//!
//! Kept true here: id, headers and what follows the task stay, but it begins anew (retries, eta, expiry); nothing is changed when the arguments do not fit; the
//! letter is removed after the new message is stored, so a crash in between leaves both, and loses none.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use taskq_core::{
    broker::{BrokerAdmin, DeadLetter, Outgoing},
    codec::{Accept, CodecError},
    protocol::{Arguments, DeliveryInfo, Message, Request, TaskMessage},
};

use super::choice::{self, Of};
use crate::cli::{Exit, Failure, Session, json_arg};

#[derive(Args, Debug)]
pub(crate) struct Edit {
    /// Its id, as `list` prints it
    id: String,
    /// Arguments by position instead of those it has: a JSON list
    #[arg(short = 'a', long, value_name = "JSON", required_unless_present = "kwargs")]
    args: Option<String>,
    /// Arguments by name instead of those it has: a JSON object
    #[arg(short = 'k', long, value_name = "JSON")]
    kwargs: Option<String>,
    #[command(flatten)]
    of: Of,
}

impl Edit {
    pub(super) async fn run(&self, session: &Session, admin: &Arc<dyn BrokerAdmin>) -> Result<(), Failure> {
        let letter = choice::one(session, admin, &self.of, &self.id).await?;
        let request = self.edited(session, &letter)?;
        let name = request.headers.task.clone();
        match session.app.registry().get(&name) {
            Some(known) if !known.fits(&request) => {
                let params: Vec<_> = known.params.iter().map(|param| param.name).collect();
                return Err(Failure::new(
                    Exit::Failed,
                    format!("the arguments do not fit `{name}({})`", params.join(", ")),
                )
                .hint("nothing was changed"));
            }
            Some(_) => {}
            None => session
                .out
                .note(&format!("no task `{name}` is registered here, so the arguments could not be checked")),
        }
        let accept = accepted(session).map_err(|why| self.unreadable(&why))?;
        let message = written(&request, &accept).map_err(|error| self.unreadable(&error.to_string()))?;
        let out = Outgoing {
            message,
            exchange: String::new(),
            routing_key: letter.queue.clone(),
            not_before: None,
        };
        let broker = session.app.broker().await?;
        session.within(broker.publish(std::slice::from_ref(&out))).await?;
        session.within(admin.forget_dead(&letter.queue, std::slice::from_ref(&letter.id))).await?;
        session.out.print(
            || json!({"sent": self.id, "queue": letter.queue}),
            |_| format!("sent to `{}` with other arguments", letter.queue),
        )
    }

    /// The request of a letter with the new arguments.
    fn edited(&self, session: &Session, letter: &DeadLetter) -> Result<Request, Failure> {
        let message = letter.message.clone().ok_or_else(|| self.unreadable("it is no message"))?;
        let settings = session.app.settings();
        let accept = accepted(session).map_err(|why| self.unreadable(&why))?;
        let delivery = DeliveryInfo { queue: letter.queue.as_str().into(), ..DeliveryInfo::default() };
        let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
        let mut request = Request::decode(message, delivery, &accept, &settings.zone(), limit)
            .map_err(|malformed| self.unreadable(&malformed.detail))?;
        let (mut args, mut kwargs) =
            request.arguments.to_values().map_err(|error| self.unreadable(&error.to_string()))?;
        if let Some(text) = &self.args {
            args = json_arg::list("--args", text)?;
        }
        if let Some(text) = &self.kwargs {
            kwargs = json_arg::object("--kwargs", text)?;
        }
        request.arguments = Arguments::Values { args, kwargs };
        let headers = &mut request.headers;
        (headers.argsrepr, headers.kwargsrepr) = (None, None);
        // From the first attempt on, at once, and with no end that has passed.
        (headers.retries, headers.eta, headers.expires) = (0, None, None);
        Ok(request)
    }

    fn unreadable(&self, why: &str) -> Failure {
        Failure::new(Exit::Failed, format!("dead letter `{}` cannot be edited: {why}", self.id))
            .hint("`dead replay` puts it back as it is")
    }
}

fn accepted(session: &Session) -> Result<Accept, String> {
    Accept::from_names(&session.app.settings().accept_content).map_err(|error| error.to_string())
}

/// The message of a request, in the format it came in.
fn written(request: &Request, accept: &Accept) -> Result<Message, CodecError> {
    let serializer = accept.check(&request.content_type)?;
    TaskMessage::of(request)?.encode(request.protocol, serializer, request.headers.compression.as_deref())
}
