//! `call`: sends a task by name.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use taskq_core::{
    canvas::{Args as Positional, Kwargs, Signature},
    codec::Serializer,
    protocol::TaskId,
    send::{Expiry, SendOptions},
};

use super::{Failure, Session, failure, json_arg, result, time_arg};

/// Send a task by its name; prints the id
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// Name of the task, such as `proj.tasks.add`; it may live in another program
    name: String,

    /// Arguments by position: a JSON list, such as '[2, "two"]'
    #[arg(short = 'a', long, value_name = "JSON")]
    args: Option<String>,

    /// Arguments by name: a JSON object, such as '{"x": 2}'
    #[arg(short = 'k', long, value_name = "JSON")]
    kwargs: Option<String>,

    /// Not before this time: ISO 8601
    #[arg(long, value_name = "TIME", value_parser = time_arg::instant, conflicts_with = "countdown")]
    eta: Option<taskq_core::Timestamp>,

    /// Not before so many seconds from now (`90`, `5m`)
    #[arg(long, value_name = "SECONDS", value_parser = time_arg::duration)]
    countdown: Option<Duration>,

    /// Not after so many seconds from now, or this time
    #[arg(long, value_name = "SECONDS|TIME", value_parser = time_arg::expiry)]
    expires: Option<Expiry>,

    /// Format of the message: json, msgpack, yaml or auth
    #[arg(long, value_name = "NAME", value_parser = serializer)]
    serializer: Option<Serializer>,

    /// Queue to send to; default: as routed by the settings
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,

    /// Exchange to send to
    #[arg(long, value_name = "EXCHANGE")]
    exchange: Option<String>,

    /// Routing key to send with
    #[arg(long, value_name = "KEY")]
    routing_key: Option<String>,

    /// Priority, 0 to 9
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,

    /// Id to send it under; default: a new UUID
    #[arg(long, value_name = "ID")]
    task_id: Option<String>,

    /// Wait for the result and print it instead of the id, at most so many seconds if given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = time_arg::duration)]
    wait: Option<Option<Duration>>,
}

impl Call {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let mut signature = self.signature()?;
        signature.options = self.options();
        self.warn_about_the_name(session);
        let sent = session.app.send_signature(signature).await?;
        match self.wait {
            Some(limit) => {
                let backend = session.backend().await?;
                result::wait(session, &*backend, sent.id(), limit, false).await
            }
            None => session.out.print(|| json!({"task_id": sent.id().as_str()}), |_| sent.id().to_string()),
        }
    }

    fn signature(&self) -> Result<Signature, Failure> {
        let args = self.args.as_deref().map(|text| json_arg::list("--args", text)).transpose()?;
        let kwargs = self.kwargs.as_deref().map(|text| json_arg::object("--kwargs", text)).transpose()?;
        Ok(Signature::by_name(&self.name, Positional::from(args.unwrap_or_default()))
            .with_kwargs(Kwargs::from(kwargs.unwrap_or_default())))
    }

    fn options(&self) -> SendOptions {
        let mut options = SendOptions::new();
        options.eta = self.eta;
        options.countdown = self.countdown;
        options.expires = self.expires;
        options.serializer = self.serializer;
        options.queue.clone_from(&self.queue);
        options.exchange.clone_from(&self.exchange);
        options.routing_key.clone_from(&self.routing_key);
        options.priority = self.priority;
        options.task_id = self.task_id.as_deref().map(TaskId::from);
        options
    }

    /// A name this program does not have may be another program's, or a slip.
    fn warn_about_the_name(&self, session: &Session) {
        let registry = session.app.registry();
        if registry.get(&self.name).is_none()
            && let Some(meant) = failure::nearest(&self.name, registry.iter().map(|task| task.name.as_ref()))
        {
            session.out.note(&format!("no task `{}` is registered here; did you mean `{meant}`?", self.name));
        }
    }
}

fn serializer(name: &str) -> Result<Serializer, String> {
    match name {
        "json" => Ok(Serializer::Json),
        "msgpack" => Ok(Serializer::Msgpack),
        "yaml" => Ok(Serializer::Yaml),
        "auth" => Ok(Serializer::Auth),
        "pickle" => Err("pickle is never written or read: use json, msgpack, yaml or auth".to_owned()),
        _ => Err("use json, msgpack, yaml or auth".to_owned()),
    }
}
