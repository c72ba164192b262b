//! The setting `task_routes`: patterns in order, the first that matches wins.

use std::fmt;

use globset::{Glob, GlobMatcher};
use regex::Regex;

use super::kind::Kind;
use crate::{
    broker::ExchangeKind,
    codec::{Map, Serializer, Value},
    protocol::DeliveryMode,
};

/// Which task goes where, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes(pub Vec<RouteRule>);

/// A pattern and where its tasks go.
#[derive(Clone)]
pub struct RouteRule {
    pattern: String,
    matcher: Matcher,
    /// Where they go.
    pub options: RouteOptions,
}

/// What a regular expression begins with, where Celery has compiled patterns.
const REGEX: &str = "re:";

#[derive(Clone)]
enum Matcher {
    Name,
    Glob(GlobMatcher),
    Regex(Regex),
}

/// What a route says. What is `None` it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteOptions {
    /// Queue.
    pub queue: Option<String>,
    /// Exchange.
    pub exchange: Option<String>,
    /// Type of the exchange, when it has to be created.
    pub exchange_type: Option<ExchangeKind>,
    /// Routing key.
    pub routing_key: Option<String>,
    /// Priority, 0 to 9.
    pub priority: Option<u8>,
    /// Persistent or transient.
    pub delivery_mode: Option<DeliveryMode>,
    /// Format of the body.
    pub serializer: Option<Serializer>,
    /// Compression of the body.
    pub compression: Option<String>,
}

impl RouteOptions {
    /// To a queue.
    pub fn queue(name: impl Into<String>) -> Self {
        Self { queue: Some(name.into()), ..Self::default() }
    }

    fn read(value: &Value) -> Result<Self, String> {
        let map = match value {
            Value::Str(queue) if !queue.is_empty() => return Ok(Self::queue(queue)),
            Value::Map(map) => map,
            _ => return Err("every route to be a queue's name or a map of options".to_owned()),
        };
        let mut options = Self::default();
        for (key, value) in map {
            if *value == Value::Null {
                continue;
            }
            options.set(key, value).map_err(|why| format!("{why} in `{key}` of a route"))?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "queue" => self.queue = Some(Kind::from_value(value)?),
            "exchange" => self.exchange = Some(Kind::from_value(value)?),
            "exchange_type" => self.exchange_type = Some(Kind::from_value(value)?),
            "routing_key" => self.routing_key = Some(Kind::from_value(value)?),
            "priority" => match u32::from_value(value)? {
                #[allow(clippy::cast_possible_truncation)] // at most 9
                priority @ 0..=9 => self.priority = Some(priority as u8),
                _ => return Err("0 to 9".to_owned()),
            },
            "delivery_mode" => self.delivery_mode = Some(Kind::from_value(value)?),
            "serializer" => self.serializer = Some(Kind::from_value(value)?),
            "compression" => self.compression = Some(Kind::from_value(value)?),
            _ => {
                return Err(
                    "`queue`, `exchange`, `exchange_type`, `routing_key`, `priority`, `delivery_mode`, \
                     `serializer` or `compression`"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    fn to_value(&self) -> Value {
        let mut map = Map::default();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(name.to_owned(), value);
            }
        };
        put("queue", self.queue.as_ref().map(Kind::to_value));
        put("exchange", self.exchange.as_ref().map(Kind::to_value));
        put("exchange_type", self.exchange_type.as_ref().map(Kind::to_value));
        put("routing_key", self.routing_key.as_ref().map(Kind::to_value));
        put("priority", self.priority.map(|priority| Value::Int(priority.into())));
        put("delivery_mode", self.delivery_mode.as_ref().map(Kind::to_value));
        put("serializer", self.serializer.as_ref().map(Kind::to_value));
        put("compression", self.compression.as_ref().map(Kind::to_value));
        Value::Map(map)
    }
}

impl RouteRule {
    /// A rule. What follows `re:` is a regular expression for the beginning of the task's name, as in Python's
    /// `re.match`; another pattern with `*`, `?` or `[` is a glob over the name, anything else the name itself.
    ///
    /// # Errors
    /// When the expression or the glob cannot be read.
    pub fn new(pattern: impl Into<String>, options: RouteOptions) -> Result<Self, String> {
        let pattern = pattern.into();
        let matcher = if let Some(expression) = pattern.strip_prefix(REGEX) {
            let anchored = Regex::new(&format!("^(?:{expression})"));
            Matcher::Regex(
                anchored
                    .map_err(|error| format!("the route `{pattern}` to be a regular expression ({error})"))?,
            )
        } else if pattern.contains(['*', '?', '[']) {
            let glob = Glob::new(&pattern)
                .map_err(|error| format!("the route `{pattern}` to be a glob ({error})"))?;
            Matcher::Glob(glob.compile_matcher())
        } else {
            Matcher::Name
        };
        Ok(Self { pattern, matcher, options })
    }

    /// Whether a task of that name takes this route.
    pub fn matches(&self, task: &str) -> bool {
        match &self.matcher {
            Matcher::Name => self.pattern == task,
            Matcher::Glob(glob) => glob.is_match(task),
            Matcher::Regex(regex) => regex.is_match(task),
        }
    }

    /// The pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

impl PartialEq for RouteRule {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.options == other.options
    }
}

impl fmt::Debug for RouteRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteRule").field("pattern", &self.pattern).field("options", &self.options).finish()
    }
}

impl Routes {
    /// What the rules say of a task: an exact name before a pattern, else the first rule that matches.
    pub fn find(&self, task: &str) -> Option<&RouteOptions> {
        let exact = self.0.iter().find(|rule| matches!(rule.matcher, Matcher::Name) && rule.pattern == task);
        exact.or_else(|| self.0.iter().find(|rule| rule.matches(task))).map(|rule| &rule.options)
    }
}

/// A map of patterns to routes, or a list of such maps and of pairs `[pattern, route]`.
impl Kind for Routes {
    fn expected() -> String {
        "a map of task names, globs or `re:` expressions to a queue or a map of options, or a list of them"
            .into()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        let mut rules = Vec::new();
        match value {
            Value::Null => {}
            Value::Map(map) => add(&mut rules, map)?,
            Value::List(items) => {
                for item in items {
                    match item {
                        Value::Map(map) => add(&mut rules, map)?,
                        Value::List(pair) => match pair.as_slice() {
                            [Value::Str(pattern), route] => {
                                rules.push(RouteRule::new(pattern, RouteOptions::read(route)?)?);
                            }
                            _ => return Err(Self::expected()),
                        },
                        _ => return Err(Self::expected()),
                    }
                }
            }
            _ => return Err(Self::expected()),
        }
        Ok(Self(rules))
    }

    fn to_value(&self) -> Value {
        let pair = |rule: &RouteRule| Value::List(vec![rule.pattern.to_value(), rule.options.to_value()]);
        Value::List(self.0.iter().map(pair).collect())
    }
}

fn add(rules: &mut Vec<RouteRule>, map: &Map) -> Result<(), String> {
    for (pattern, route) in map {
        let read = RouteOptions::read(route);
        rules.push(RouteRule::new(pattern, read.map_err(|why| format!("{why} (`{pattern}`)"))?)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(json: &[(&str, Value)]) -> Routes {
        let map = json.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Routes::from_value(&Value::Map(map)).unwrap()
    }

    #[test]
    fn exact_names_win_over_globs_and_globs_go_in_order() {
        let text = |text: &str| Value::Str(text.to_owned());
        let routes =
            routes(&[("proj.*", text("a")), ("proj.tasks.*", text("b")), ("proj.tasks.add", text("c"))]);
        let queue = |task| routes.find(task).and_then(|route| route.queue.as_deref());
        assert_eq!(queue("proj.tasks.add"), Some("c"));
        assert_eq!(queue("proj.tasks.mul"), Some("a"));
        assert_eq!(queue("other.task"), None);
        assert_eq!(Routes::from_value(&routes.to_value()).unwrap(), routes);
    }

    #[test]
    fn an_expression_is_for_the_beginning_of_the_name_as_in_python() {
        let text = |text: &str| Value::Str(text.to_owned());
        let routes = routes(&[(r"re:^proj\.(video|image)\.", text("media")), ("re:web|mail", text("light"))]);
        let queue = |task| routes.find(task).and_then(|route| route.queue.as_deref());
        assert_eq!(queue("proj.video.cut"), Some("media"));
        assert_eq!(queue("webhook"), Some("light"));
        assert_eq!(queue("mail.send"), Some("light"));
        assert_eq!(queue("send.mail"), None);
        assert_eq!(queue("projXvideoX"), None);
        assert_eq!(Routes::from_value(&routes.to_value()).unwrap(), routes);
        let wrong: Map = [("re:(proj".to_owned(), text("a"))].into_iter().collect();
        let error = Routes::from_value(&Value::Map(wrong)).unwrap_err();
        assert!(error.contains("`re:(proj`") && error.contains("unclosed group"), "{error}");
    }

    #[test]
    fn wrong_routes_name_the_pattern_and_the_key() {
        let inner: Map = [("priority".to_owned(), Value::Int(12))].into_iter().collect();
        let map: Map = [("proj.add".to_owned(), Value::Map(inner))].into_iter().collect();
        let error = Routes::from_value(&Value::Map(map)).unwrap_err();
        assert!(
            error.contains("0 to 9") && error.contains("`priority`") && error.contains("proj.add"),
            "{error}"
        );
    }
}
