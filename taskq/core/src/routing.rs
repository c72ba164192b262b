//! Where a task goes: queue, exchange and routing key.
//!
//! Kept true here: what the call says wins over the task's options, these over a route, a route over the
//! default queue (Celery's order); every queue name that is used is declared or, when settings allow it,
//! created the way Celery would create it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    Error, ErrorKind,
    broker::{Exchange, ExchangeKind, Queue},
    codec::Value,
    config::{RouteOptions, Routes, Settings},
    protocol::{Arguments, DeliveryMode},
    send::SendOptions,
    task::TaskOptions,
};

/// What a router may look at.
#[derive(Debug)]
#[non_exhaustive]
pub struct RouteQuery<'a> {
    /// The task's name.
    pub task: &'a str,
    /// Its arguments.
    pub arguments: &'a Arguments,
    /// What the call says.
    pub options: &'a SendOptions,
}

impl<'a> RouteQuery<'a> {
    /// A call of the task of that name.
    pub fn new(task: &'a str, arguments: &'a Arguments, options: &'a SendOptions) -> Self {
        Self { task, arguments, options }
    }
}

/// A router in code: `None` leaves the task to the next one, then to `task_routes`.
pub type Router = Arc<dyn Fn(&RouteQuery<'_>) -> Option<RouteOptions> + Send + Sync>;

/// Where a message goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The exchange; `""` sends to the queue named by `routing_key`.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The queue, to be declared before the first message; `None` when only an exchange is named.
    pub queue: Option<Arc<Queue>>,
    /// What the route says of the message itself.
    pub says: RouteOptions,
}

impl Route {
    /// The name to show: the queue's, else the exchange's.
    pub fn destination(&self) -> &str {
        match &self.queue {
            Some(queue) => &queue.name,
            None if self.exchange.is_empty() => &self.routing_key,
            None => &self.exchange,
        }
    }
}

/// The queues and routes of an app.
#[derive(Clone)]
pub struct Routing {
    declared: BTreeMap<String, Arc<Queue>>,
    /// Names in the order of `task_queues`.
    order: Vec<String>,
    default: Arc<Queue>,
    routes: Routes,
    routers: Vec<Router>,
    missing: Missing,
    max_priority: Option<u8>,
}

/// How a queue is made that is named and not declared.
#[derive(Clone, Debug)]
struct Missing {
    create: bool,
    quorum: bool,
    exchange_type: ExchangeKind,
}

impl Routing {
    /// The routing that the settings describe; `routers` are asked before `task_routes`.
    pub fn new(settings: &Settings, routers: Vec<Router>) -> Self {
        let max_priority = settings.task_queue_max_priority.and_then(|max| u8::try_from(max).ok());
        let finish = |mut queue: Queue| {
            queue.max_priority = queue.max_priority.or(max_priority);
            Arc::new(queue)
        };
        let mut declared = BTreeMap::new();
        let mut order = Vec::new();
        for spec in settings.task_queues.iter().flat_map(|queues| &queues.0) {
            order.push(spec.name.clone());
            declared.insert(spec.name.clone(), finish(spec.to_queue()));
        }
        let default = declared
            .get(&settings.task_default_queue)
            .cloned()
            .unwrap_or_else(|| finish(default_queue(settings)));
        Self {
            declared,
            order,
            default,
            routes: settings.task_routes.clone(),
            routers,
            missing: Missing {
                create: settings.task_create_missing_queues,
                quorum: settings.task_create_missing_queue_type == "quorum",
                exchange_type: settings.task_create_missing_queue_exchange_type.unwrap_or_default(),
            },
            max_priority,
        }
    }

    /// The default queue.
    pub fn default_queue(&self) -> &Arc<Queue> {
        &self.default
    }

    /// What a worker consumes that is told nothing else: the declared queues in their order, or the default
    /// queue.
    pub fn worker_queues(&self) -> Vec<Arc<Queue>> {
        if self.order.is_empty() {
            return vec![Arc::clone(&self.default)];
        }
        self.order.iter().filter_map(|name| self.declared.get(name)).cloned().collect()
    }

    /// The queue of that name.
    ///
    /// # Errors
    /// When it is not declared and `task_create_missing_queues` is off.
    pub fn queue(&self, name: &str) -> Result<Arc<Queue>, Error> {
        if let Some(queue) = self.declared.get(name) {
            return Ok(Arc::clone(queue));
        }
        if name == self.default.name {
            return Ok(Arc::clone(&self.default));
        }
        if !self.missing.create {
            return Err(Error::new(
                ErrorKind::Config,
                format!("queue `{name}` is not in `task_queues`, and `task_create_missing_queues` is off"),
            ));
        }
        let mut queue = Queue::named(name);
        queue.exchange.kind = self.missing.exchange_type;
        queue.max_priority = self.max_priority;
        if self.missing.quorum {
            queue.arguments.insert("x-queue-type".to_owned(), Value::Str("quorum".to_owned()));
        }
        Ok(Arc::new(queue))
    }

    /// Finds the way of a call.
    ///
    /// # Errors
    /// When it names a queue that must not be created.
    pub fn route(&self, query: &RouteQuery<'_>, task: Option<&TaskOptions>) -> Result<Route, Error> {
        let call = query.options;
        let says = self
            .routers
            .iter()
            .find_map(|router| router(query))
            .or_else(|| self.routes.find(query.task).cloned())
            .unwrap_or_default();
        let own = |pick: fn(&TaskOptions) -> Option<&'static str>| task.and_then(pick).map(str::to_owned);
        let queue = call.queue.clone().or_else(|| own(|task| task.queue)).or_else(|| says.queue.clone());
        let exchange =
            call.exchange.clone().or_else(|| own(|task| task.exchange)).or_else(|| says.exchange.clone());
        let key = call
            .routing_key
            .clone()
            .or_else(|| own(|task| task.routing_key))
            .or_else(|| says.routing_key.clone());
        let queue = match (queue, &exchange) {
            (Some(name), _) => Some(self.queue(&name)?),
            (None, None) => Some(Arc::clone(&self.default)),
            (None, Some(_)) => None,
        };
        let kind = call
            .exchange_type
            .or(says.exchange_type)
            .or_else(|| queue.as_ref().map(|queue| queue.exchange.kind))
            .unwrap_or_default();
        let (exchange, routing_key) = self.address(exchange, key, kind, queue.as_deref());
        // Nobody's queue is declared for a broadcast: those who listen have their own.
        let queue = queue.filter(|queue| !(queue.auto_delete && queue.exchange.kind == ExchangeKind::Fanout));
        Ok(Route { exchange, routing_key, queue, says })
    }

    /// Celery's rule: a direct exchange that is not spelled out in full becomes the anonymous one, with the
    /// queue's name as the key.
    fn address(
        &self,
        exchange: Option<String>,
        key: Option<String>,
        kind: ExchangeKind,
        queue: Option<&Queue>,
    ) -> (String, String) {
        match (exchange, key, queue) {
            (Some(exchange), Some(key), _) if !exchange.is_empty() => (exchange, key),
            (_, _, Some(queue)) if kind == ExchangeKind::Direct => (String::new(), queue.name.clone()),
            (None, key, Some(queue)) => {
                (queue.exchange.name.clone(), key.unwrap_or_else(|| queue.routing_key.clone()))
            }
            (exchange, key, _) => (
                exchange.unwrap_or_else(|| self.default.exchange.name.clone()),
                key.unwrap_or_else(|| self.default.routing_key.clone()),
            ),
        }
    }

    /// How durable a message is that does not say so itself.
    pub(crate) fn delivery_mode(
        call: Option<DeliveryMode>,
        task: Option<&TaskOptions>,
        route: &Route,
        settings: &Settings,
    ) -> DeliveryMode {
        call.or_else(|| task.and_then(|task| task.delivery_mode))
            .or(route.says.delivery_mode)
            .unwrap_or(settings.task_default_delivery_mode)
    }
}

fn default_queue(settings: &Settings) -> Queue {
    let name = &settings.task_default_queue;
    let mut queue = Queue::named(name);
    queue.exchange = Exchange {
        name: settings.task_default_exchange.clone().unwrap_or_else(|| name.clone()),
        kind: settings.task_default_exchange_type,
        durable: true,
    };
    if let Some(key) = &settings.task_default_routing_key {
        queue.routing_key.clone_from(key);
    }
    if settings.task_default_queue_type == "quorum" {
        queue.arguments.insert("x-queue-type".to_owned(), Value::Str("quorum".to_owned()));
    }
    queue
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing")
            .field("queues", &self.order)
            .field("default", &self.default.name)
            .field("routes", &self.routes)
            .field("routers", &self.routers.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{QueueSpec, Queues, RouteRule};

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let mut media = QueueSpec::named("media");
        media.exchange = Some("media-ex".into());
        media.exchange_type = Some(ExchangeKind::Topic);
        media.routing_key = Some("media.#".into());
        settings.task_queues = Some(Queues(vec![QueueSpec::named("low"), media]));
        let rule = |pattern: &str, options| RouteRule::new(pattern, options).unwrap();
        settings.task_routes = Routes(vec![
            rule("proj.low.*", RouteOptions::queue("low")),
            rule("proj.urgent", RouteOptions { priority: Some(9), ..RouteOptions::default() }),
        ]);
        settings
    }

    fn route(routing: &Routing, task: &str, options: &SendOptions, own: Option<&TaskOptions>) -> Route {
        routing.route(&RouteQuery { task, arguments: &Arguments::default(), options }, own).unwrap()
    }

    #[test]
    fn call_wins_over_task_over_route_over_default() {
        let routing = Routing::new(&settings(), Vec::new());
        let call = SendOptions::new().queue("mine");
        let own = TaskOptions { queue: Some("own"), ..TaskOptions::DEFAULT };
        let none = SendOptions::new();
        assert_eq!(route(&routing, "proj.low.a", &call, Some(&own)).routing_key, "mine");
        assert_eq!(route(&routing, "proj.low.a", &none, Some(&own)).routing_key, "own");
        assert_eq!(route(&routing, "proj.low.a", &none, None).routing_key, "low");
        let urgent = route(&routing, "proj.urgent", &none, None);
        assert_eq!((urgent.routing_key.as_str(), urgent.says.priority), ("celery", Some(9)));
        assert_eq!(urgent.exchange, "");
    }

    #[test]
    fn topic_queues_and_spelled_out_exchanges_keep_their_exchange() {
        let routing = Routing::new(&settings(), Vec::new());
        let media = route(&routing, "t", &SendOptions::new().queue("media").routing_key("media.mp4"), None);
        assert_eq!((media.exchange.as_str(), media.routing_key.as_str()), ("media-ex", "media.mp4"));
        let both = route(&routing, "t", &SendOptions::new().exchange("ex").routing_key("k"), None);
        assert_eq!((both.exchange.as_str(), both.routing_key.as_str(), both.queue), ("ex", "k", None));
    }

    #[test]
    fn a_broadcast_goes_to_its_exchange_and_declares_nothing() {
        let mut settings = Settings::default();
        settings.task_queues =
            Some(Queues(vec![QueueSpec { broadcast: true, ..QueueSpec::named("everybody") }]));
        let routing = Routing::new(&settings, Vec::new());
        let route = route(&routing, "t", &SendOptions::new().queue("everybody"), None);
        assert_eq!(
            (route.exchange.as_str(), route.routing_key.as_str(), route.queue),
            ("everybody", "", None)
        );
        let consumed = &routing.worker_queues()[0];
        assert!(consumed.name.starts_with("bcast.") && consumed.auto_delete);
    }

    #[test]
    fn a_callable_router_comes_first() {
        let router: Router = Arc::new(|query: &RouteQuery<'_>| {
            query.task.ends_with(".slow").then(|| RouteOptions::queue("slow"))
        });
        let routing = Routing::new(&settings(), vec![router]);
        assert_eq!(route(&routing, "proj.low.slow", &SendOptions::new(), None).routing_key, "slow");
        assert_eq!(route(&routing, "proj.low.a", &SendOptions::new(), None).routing_key, "low");
    }

    #[test]
    fn unknown_queues_are_refused_when_they_must_not_be_created() {
        let mut settings = settings();
        settings.task_create_missing_queues = false;
        let routing = Routing::new(&settings, Vec::new());
        let error = routing.queue("typo").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`typo`"), "{error}");
        assert_eq!(routing.worker_queues().len(), 2);
        assert!(routing.queue("celery").is_ok());
    }
}
