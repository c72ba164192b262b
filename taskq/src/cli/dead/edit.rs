//! `dead edit`: other arguments for a dead letter, checked, and back to its queue.
//!
//! Kept true here: id, headers and what follows the task stay, but it begins anew (retries, eta, expiry); nothing is changed when the arguments do not fit; the
//! letter is removed after the new message is stored, so a crash in between leaves both, and loses none; with `--keep` it
//! stays, and the new message is a task of its own.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use taskq_core::{
    broker::{BrokerAdmin, DeadLetter, EditedId, Outgoing, edited, rewritten},
    codec::Accept,
    protocol::Request,
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
    /// Keep the letter; the new message is a task of its own, whose header `retry_of` names the other
    #[arg(long)]
    keep: bool,
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
        let message = rewritten(&request, &accept).map_err(|error| self.unreadable(&error.to_string()))?;
        let out = Outgoing::to_queue(&letter.queue, message);
        let broker = session.app.broker().await?;
        session.within(broker.publish(std::slice::from_ref(&out))).await?;
        if !self.keep {
            session.within(admin.forget_dead(&letter.queue, std::slice::from_ref(&letter.id))).await?;
        }
        session.out.print(
            || json!({"sent": self.id, "queue": letter.queue, "task_id": request.id().as_str()}),
            |_| format!("sent to `{}` with other arguments", letter.queue),
        )
    }

    /// The request of a letter with the new arguments.
    fn edited(&self, session: &Session, letter: &DeadLetter) -> Result<Request, Failure> {
        let accept = accepted(session).map_err(|why| self.unreadable(&why))?;
        let request = letter.request(session.app.settings(), &accept).map_err(|why| self.unreadable(&why))?;
        let (mut args, mut kwargs) =
            request.arguments.to_values().map_err(|error| self.unreadable(&error.to_string()))?;
        if let Some(text) = &self.args {
            args = json_arg::list("--args", text)?;
        }
        if let Some(text) = &self.kwargs {
            kwargs = json_arg::object("--kwargs", text)?;
        }
        let id = if self.keep { EditedId::New } else { EditedId::Same };
        Ok(edited(request, args, kwargs, id))
    }

    fn unreadable(&self, why: &str) -> Failure {
        Failure::new(Exit::Failed, format!("dead letter `{}` cannot be edited: {why}", self.id))
            .hint("`dead replay` puts it back as it is")
    }
}

fn accepted(session: &Session) -> Result<Accept, String> {
    Accept::from_names(&session.app.settings().accept_content).map_err(|error| error.to_string())
}
