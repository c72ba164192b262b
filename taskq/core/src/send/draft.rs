//! A task message that is not sent yet: what publish middleware sees.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{RetryPolicy, SendOptions, options::later};
use crate::{
    Error, ErrorKind, Timestamp,
    app::App,
    broker::{Outgoing, Queue},
    canvas::Signature,
    codec::{Serializer, Value, repr},
    protocol::{
        Arguments, Embed, Headers, Properties, Protocol, TaskId, TaskMessage, format_timestamp, shown_args,
    },
    routing::{Route, RouteQuery, Routing},
    task::{TaskContext, TaskOptions},
};

/// A task message that is not sent yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Draft {
    /// Headers, properties, arguments and links.
    pub message: TaskMessage,
    /// Where it goes.
    pub route: Route,
    /// Version of the message.
    pub protocol: Protocol,
    /// Format of the body.
    pub serializer: Serializer,
    /// Compression of the body.
    pub compression: Option<String>,
    /// The header `eta` as an instant.
    pub eta: Option<Timestamp>,
    /// Deadline of the publish.
    pub timeout: Duration,
    /// How a failed publish is repeated.
    pub retry: RetryPolicy,
}

/// What is called: name and arguments, already serialized.
#[derive(Clone, Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) task: &'a str,
    /// JSON list.
    pub(crate) args: Bytes,
    /// JSON object.
    pub(crate) kwargs: Bytes,
    /// The options of the task, if it is known here.
    pub(crate) own: Option<&'a TaskOptions>,
    /// The task whose routes it takes, if not its own.
    pub(crate) routed: Option<&'a str>,
}

impl Draft {
    /// Makes the message of a call.
    pub(crate) fn new(app: &App, call: Invocation<'_>, options: SendOptions) -> Result<Self, Error> {
        Self::under(app, call, options, TaskContext::current().as_ref())
    }

    /// As [`new`](Self::new), sent by this task or by none.
    pub(crate) fn under(
        app: &App,
        call: Invocation<'_>,
        mut options: SendOptions,
        parent: Option<&TaskContext>,
    ) -> Result<Self, Error> {
        options.check()?;
        let Invocation { task, args, kwargs, own, routed } = call;
        let now = app.clock().now();
        let settings = app.settings();
        let arguments = Arguments::Raw { args: args.clone(), kwargs: kwargs.clone() };
        let query = RouteQuery { task: routed.unwrap_or(task), arguments: &arguments, options: &options };
        let route = app.routing().route(&query, own)?;
        let id = options.task_id.take().unwrap_or_else(TaskId::new);

        let mut headers = Headers::new(task, id);
        headers.origin = Some(app.origin().to_owned());
        headers.shadow = options.shadow.take();
        headers.argsrepr = options.argsrepr.take();
        headers.kwargsrepr = options.kwargsrepr.take();
        if headers.argsrepr.is_none() && repr::hides_any() {
            let params = app.registry().get(task).map(|def| def.params).unwrap_or_default();
            headers.argsrepr = Some(shown_args(&args, params));
        }
        let eta = options
            .eta
            .or_else(|| options.countdown.filter(|delay| !delay.is_zero()).map(|delay| later(now, delay)));
        headers.eta = eta.map(format_timestamp);
        let expires = options
            .expires
            .map(|expiry| expiry.at(now))
            .or_else(|| own.and_then(|own| own.expires).map(|delay| later(now, delay)));
        headers.expires = expires.map(format_timestamp);
        let seconds = |of_call: Option<Duration>, of_task: Option<Duration>| {
            of_call.or(of_task).map(|limit| limit.as_secs_f64())
        };
        headers.timelimit = (
            seconds(options.time_limit, own.and_then(|own| own.time_limit)),
            seconds(options.soft_time_limit, own.and_then(|own| own.soft_time_limit)),
        );
        headers.ignore_result = options
            .ignore_result
            .or_else(|| own.map(|own| own.ignore_result.unwrap_or(settings.task_ignore_result)));
        if !options.stamps.is_empty() {
            headers.stamped_headers = Some(options.stamps.keys().cloned().collect());
            headers.stamps = std::mem::take(&mut options.stamps);
        }
        headers.extra = std::mem::take(&mut options.headers);
        let mut embed = Embed {
            callbacks: links(&options.link),
            errbacks: links(&options.link_error),
            ..Embed::default()
        };
        if let Some(flow) = options.flow.take() {
            headers.group = flow.group_id;
            headers.group_index = flow.group_index;
            headers.retries = flow.retries;
            headers.replaced_task_nesting = flow.replaced_task_nesting;
            headers.parent_id = flow.parent_id;
            if flow.root_id.is_some() {
                headers.root_id = flow.root_id;
            }
            embed.chain = flow.chain;
            embed.chord = flow.chord;
        }
        if let Some(parent) = parent {
            inherit(&mut headers, parent);
        }

        let inherited = parent
            .filter(|_| settings.task_inherit_parent_priority)
            .and_then(|parent| parent.request().delivery.priority);
        let properties = Properties {
            correlation_id: options.correlation_id.take(),
            reply_to: options.reply_to.take().or_else(|| Some(app.reply_to())),
            delivery_mode: Routing::delivery_mode(options.delivery_mode, own, &route, settings),
            priority: options
                .priority
                .or_else(|| own.and_then(|own| own.priority))
                .or(route.says.priority)
                .map(i64::from)
                .or(inherited)
                .or(settings.task_default_priority.map(i64::from)),
            expiration: expires.filter(|_| settings.message_expiration).map(|at| milliseconds_until(now, at)),
            extra: std::mem::take(&mut options.properties),
        };
        Ok(Self {
            protocol: settings.task_protocol,
            serializer: options
                .serializer
                .or_else(|| own.and_then(|own| own.serializer))
                .or(route.says.serializer)
                .unwrap_or(settings.task_serializer),
            compression: options
                .compression
                .take()
                .or_else(|| own.and_then(|own| own.compression).map(str::to_owned))
                .or_else(|| route.says.compression.clone())
                .or_else(|| settings.task_compression.clone()),
            eta,
            timeout: options.timeout.unwrap_or(settings.publish_timeout),
            retry: match options.retry {
                Some(false) => RetryPolicy::NEVER,
                Some(true) => options.retry_policy.unwrap_or_default(),
                None => options.retry_policy.unwrap_or_else(|| RetryPolicy::of(settings)),
            },
            message: TaskMessage { headers, properties, args, kwargs, embed },
            route,
        })
    }

    /// The task id.
    pub fn id(&self) -> &TaskId {
        &self.message.headers.id
    }

    /// The queue to declare before it is sent, if it has one.
    pub fn queue(&self) -> Option<&Arc<Queue>> {
        self.route.queue.as_ref()
    }

    /// Writes the message.
    ///
    /// # Errors
    /// When the format cannot hold a value.
    pub fn encode(&self) -> Result<Outgoing, Error> {
        self.clone().into_outgoing()
    }

    /// Writes the message and gives up the draft.
    pub(crate) fn into_outgoing(self) -> Result<Outgoing, Error> {
        let task = self.message.headers.task.clone();
        let message = self
            .message
            .encode(self.protocol, self.serializer, self.compression.as_deref())
            .map_err(|error| {
                Error::with_source(
                    ErrorKind::Encode,
                    format!("could not encode the message of `{task}`"),
                    error,
                )
            })?;
        Ok(Outgoing {
            message,
            exchange: self.route.exchange,
            routing_key: self.route.routing_key,
            not_before: self.eta,
        })
    }
}

/// A task that sends another one is its parent; the first of them all is the root. They are in one trace.
fn inherit(headers: &mut Headers, parent: &TaskContext) {
    parent.trace().hand_on(headers);
    let request = parent.request();
    if headers.parent_id.is_none() {
        headers.parent_id = Some(request.id().clone());
        let root = request.headers.root_id.as_ref().unwrap_or(request.id());
        if headers.root_id.as_ref() == Some(&headers.id) {
            headers.root_id = Some(root.clone());
        }
    }
}

fn links(signatures: &[Signature]) -> Option<Vec<Value>> {
    if signatures.is_empty() { None } else { Some(signatures.iter().map(Signature::to_value).collect()) }
}

/// For the property `expiration`; `0` when it is past, as Celery writes it.
fn milliseconds_until(now: Timestamp, at: Timestamp) -> String {
    at.duration_since(now).as_millis().max(0).to_string()
}
