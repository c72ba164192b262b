//! Tasks: `active`, `reserved`, `scheduled`, `query_task`, `registered`.

use taskq_core::{
    codec::{Map, Value, repr},
    protocol::{Leads, Request},
};
use tokio::sync::oneshot;

use super::{
    args::Args,
    panel::{Done, Panel},
};
use crate::{
    consume::{Ask, Scheduled},
    held::Held,
    node::Node,
    tasks::Known,
};

/// What Celery gives every scheduled task.
const SCHEDULED_PRIORITY: i64 = 6;

pub(super) fn active(panel: &Panel, args: &Args<'_>) -> Done {
    let safe = args.truth("safe");
    let node = &panel.node;
    Ok(node.held.all().iter().filter_map(|held| running(node, held, safe)).map(|(_, info)| info).collect())
}

pub(super) fn reserved(panel: &Panel) -> Done {
    let info = |(_, info)| info;
    Ok(waiting(panel).into_iter().map(info).collect())
}

pub(super) async fn scheduled(panel: &Panel) -> Done {
    let entry = |task: Scheduled| -> Value {
        let request = info(&panel.node, &task.request, &task.held, None, false);
        [
            ("eta", Value::from(task.eta.map(taskq_core::protocol::format_timestamp))),
            ("priority", Value::Int(SCHEDULED_PRIORITY)),
            ("request", request),
        ]
        .into_iter()
        .collect()
    };
    Ok(aside(panel).await.into_iter().map(entry).collect())
}

pub(super) async fn query(panel: &Panel, args: &Args<'_>) -> Done {
    let ids = args.texts("ids")?;
    let node = &panel.node;
    let mut found = Map::default();
    let mut put = |state: &str, id: String, info: Value| {
        if ids.contains(&id) {
            found.insert(id, [Value::from(state), info].into_iter().collect());
        }
    };
    for task in aside(panel).await {
        let shown = info(node, &task.request, &task.held, None, false);
        put("scheduled", task.held.id.to_string(), shown);
    }
    for (id, info) in waiting(panel) {
        put("reserved", id, info);
    }
    for (id, info) in node.held.all().iter().filter_map(|held| running(node, held, false)) {
        put("active", id, info);
    }
    Ok(Value::Map(found))
}

/// Our own command: which tasks here lead to those asked for, as the body of a chord, a step of a chain or a
/// callback.
pub(super) async fn leading_to(panel: &Panel, args: &Args<'_>) -> Done {
    let ids = args.texts("ids")?;
    let mut found: Vec<Value> = Vec::new();
    let mut look = |request: &Request, state: &str| {
        for id in &ids {
            let how = match request.embed.leads_to(id) {
                Some(Leads::Callback) => "callback",
                Some(Leads::Chain) => "chain",
                Some(Leads::Chord) => "chord",
                None => continue,
            };
            let task = [
                ("id", Value::from(request.id().as_str())),
                ("name", Value::from(request.display_name())),
                ("state", Value::from(state)),
                ("leads_to", Value::from(id.as_str())),
                ("how", Value::from(how)),
            ];
            found.push(task.into_iter().collect());
        }
    };
    for task in aside(panel).await {
        look(&task.request, "scheduled");
    }
    panel.pool.jobs(|job| look(&job.request, "reserved"));
    for held in panel.node.held.all() {
        if let Some(run) = held.run() {
            look(run.cx.request(), "active");
        }
    }
    Ok(Value::List(found))
}

pub(super) fn registered(panel: &Panel, args: &Args<'_>) -> Done {
    let items: Vec<String> = match args.get("taskinfoitems") {
        None => Vec::new(),
        Some(_) => args.texts("taskinfoitems")?,
    };
    let items = if items.is_empty() {
        ["exchange", "routing_key", "rate_limit"].map(str::to_owned).to_vec()
    } else {
        items
    };
    let builtins = args.truth("builtins");
    let mut tasks: Vec<_> =
        panel.node.tasks.iter().filter(|known| builtins || !known.name.starts_with("celery.")).collect();
    tasks.sort_by(|a, b| a.name.cmp(&b.name));
    let shown = |known: &std::sync::Arc<Known>| {
        let pair = |item: &String| Some(format!("{item}={}", option(known, item)?));
        let pairs: Vec<String> = items.iter().filter_map(pair).collect();
        match pairs.is_empty() {
            true => known.name.as_ref().to_owned(),
            false => format!("{} [{}]", known.name, pairs.join(" ")),
        }
    };
    Ok(tasks.into_iter().map(shown).collect())
}

/// An option of a task, as Python's `str` shows it; `None` when it says nothing.
fn option(known: &Known, name: &str) -> Option<String> {
    let (options, policy, live) = (&known.def.options, &known.policy, known.live());
    let truth = |is: bool| if is { "True" } else { "False" }.to_owned();
    let seconds = |limit: std::time::Duration| format!("{}", limit.as_secs_f64());
    match name {
        "rate_limit" => live.rate.map(|rate| rate.to_string()),
        "time_limit" => live.hard.map(seconds),
        "soft_time_limit" => live.soft.map(seconds),
        "max_concurrency" => known.share.most().map(|most| most.to_string()),
        "max_retries" => options.max_retries.map(|most| most.to_string()),
        "acks_late" => Some(truth(policy.acks_late)),
        "ignore_result" => Some(truth(policy.ignore_result)),
        "track_started" => Some(truth(policy.track_started)),
        "queue" => options.queue.map(str::to_owned),
        "priority" => options.priority.map(|priority| priority.to_string()),
        "name" => Some(known.name.as_ref().to_owned()),
        _ => None,
    }
}

/// A task that runs, if this one does.
fn running(node: &Node, held: &Held, safe: bool) -> Option<(String, Value)> {
    let run = held.run()?;
    Some((held.id.to_string(), info(node, run.cx.request(), held, Some(run.since), safe)))
}

/// Those in line for a slot.
fn waiting(panel: &Panel) -> Vec<(String, Value)> {
    panel.pool.jobs(|job| (job.held.id.to_string(), info(&panel.node, &job.request, &job.held, None, false)))
}

/// Those that wait for their time in this process.
async fn aside(panel: &Panel) -> Vec<Scheduled> {
    let (tell, told) = oneshot::channel();
    if panel.asks.send(Ask::Scheduled(tell)).await.is_err() {
        return Vec::new(); // the worker stops
    }
    told.await.unwrap_or_default()
}

/// A task as Celery shows it. `since`: when it started, in seconds since 1970. `safe`: arguments as text.
fn info(node: &Node, request: &Request, held: &Held, since: Option<f64>, safe: bool) -> Value {
    // Arguments that cannot be read are shown as none.
    let (args, kwargs) = request.arguments.to_values().unwrap_or_default();
    let (args, kwargs) = match safe {
        true => (
            Value::from(request.headers.argsrepr.clone().unwrap_or_else(|| repr::args(&args))),
            Value::from(request.headers.kwargsrepr.clone().unwrap_or_else(|| repr::kwargs(&kwargs))),
        ),
        false => (Value::List(args), Value::Map(kwargs)),
    };
    let delivery = &request.delivery;
    let delivery: Value = [
        ("exchange", Value::from(delivery.exchange.as_str())),
        ("routing_key", Value::from(delivery.routing_key.as_str())),
        ("priority", Value::from(delivery.priority)),
        ("redelivered", Value::Bool(delivery.redelivered)),
    ]
    .into_iter()
    .collect();
    [
        ("id", Value::from(request.id().as_str())),
        ("name", Value::from(request.display_name())),
        ("args", args),
        ("kwargs", kwargs),
        ("type", Value::from(request.headers.task.as_str())),
        ("hostname", Value::from(&*node.name)),
        ("time_start", Value::from(since)),
        ("acknowledged", Value::Bool(held.is_acked())),
        ("delivery_info", delivery),
        ("worker_pid", since.map_or(Value::Null, |_| Value::from(held.pid()))),
    ]
    .into_iter()
    .collect()
}
