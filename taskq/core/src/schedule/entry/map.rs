//! Entries as maps: what stands in a file, in a store, and in a `beat_schedule` that Celery exported as JSON.
//!
//! Kept true here: an entry that is written and read again is the same; a field that is not known, or cannot be
//! read, is an error that names the entry and the field.

use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::{CatchUp, Entry, Overlap, Source};
use crate::{
    Error, ErrorKind, Timestamp,
    canvas::Signature,
    codec::{Map, Value, json},
    config::Kind,
    protocol::parse_timestamp,
    schedule::Timing,
    send::SendOptions,
};

/// The fields there are. `every`, `cron`, `solar` and `at` are short for `schedule`.
const FIELDS: [&str; 20] = [
    "task", "schedule", "every", "cron", "solar", "at", "relative", "args", "kwargs", "options", "queue",
    "tz", "start", "end", "jitter", "max_runs", "overlap", "catch_up", "expires", "enabled",
];

impl Entry {
    /// The map form; `None` for a schedule of your own, which cannot be written down.
    pub fn to_map(&self) -> Option<Map> {
        let mut map = Map::default();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(name.to_owned(), value);
            }
        };
        let Signature { task, args, kwargs, options, .. } = &self.call;
        put("task", Some(Value::Str(task.clone())));
        put("schedule", Some(self.timing.to_value()?));
        put("args", (!args.is_empty()).then(|| Value::List(args.clone())));
        put("kwargs", (!kwargs.is_empty()).then(|| Value::Map(kwargs.clone())));
        let options = options.to_map();
        put("options", (!options.is_empty()).then_some(Value::Map(options)));
        put("tz", self.zone.as_ref().and_then(TimeZone::iana_name).map(|name| Value::Str(name.to_owned())));
        put("start", self.start.map(|at| Value::Str(at.to_string())));
        put("end", self.end.map(|at| Value::Str(at.to_string())));
        put("jitter", (!self.jitter.is_zero()).then(|| self.jitter.to_value()));
        put("max_runs", self.max_runs.map(|runs| runs.to_value()));
        put("overlap", (self.overlap != Overlap::default()).then(|| self.overlap.to_value()));
        put("catch_up", (self.catch_up != CatchUp::default()).then(|| self.catch_up.to_value()));
        put("enabled", (!self.enabled).then_some(Value::Bool(false)));
        Some(map)
    }

    /// Reads the map form.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the entry and the field.
    pub fn from_map(name: &str, map: &Map, source: Source) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(ErrorKind::Config, format!("schedule entry `{name}`: {what}"));
        if name.trim().is_empty() {
            return Err(wrong("it needs a name".to_owned()));
        }
        if let Some(unknown) = map.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let near = FIELDS
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
            let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(wrong(format!("`{unknown}` is not known{hint}")));
        }
        let fields = Fields { map, wrong: &wrong };
        let task: String = fields.need("task")?;
        let args = match map.get("args") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(args)) => args.clone(),
            Some(_) => return Err(wrong("`args`: expected a list".to_owned())),
        };
        let mut options = SendOptions::from_map(fields.get("options")?.unwrap_or_default())
            .map_err(|error| wrong(format!("`options`: {error}")))?;
        if let Some(queue) = fields.get::<String>("queue")? {
            options = options.queue(queue);
        }
        if let Some(expires) = fields.get::<Duration>("expires")? {
            options = options.expires(expires);
        }
        let kwargs = fields.get("kwargs")?.unwrap_or_default();
        let call = Signature { task, args, kwargs, options, ..Signature::default() };
        let mut entry = Self::new(name, timing(map).map_err(&wrong)?, call);
        entry.zone = fields.get("tz")?;
        entry.start = fields.time("start")?;
        entry.end = fields.time("end")?;
        entry.jitter = fields.get("jitter")?.unwrap_or_default();
        entry.max_runs = fields.get("max_runs")?;
        entry.overlap = fields.get("overlap")?.unwrap_or_default();
        entry.catch_up = fields.get("catch_up")?.unwrap_or_default();
        entry.enabled = fields.get("enabled")?.unwrap_or(true);
        entry.source = source;
        if entry.end.is_some_and(|end| entry.start.is_some_and(|start| end < start)) {
            return Err(wrong("`end` is before `start`".to_owned()));
        }
        Ok(entry)
    }

    /// What a store keeps: the map form with its source, as JSON. A schedule of your own is kept as its
    /// description only, and comes from code again.
    ///
    /// # Errors
    /// When an argument cannot be written as JSON.
    pub fn to_stored(&self) -> Result<Bytes, Error> {
        let mut map = self.to_map().unwrap_or_else(|| {
            let own = Value::Str(self.describe().into_owned());
            [("task".to_owned(), Value::Str(self.call.task.clone())), (OWN.to_owned(), own)]
                .into_iter()
                .collect()
        });
        map.insert(SOURCE.to_owned(), Value::Str(self.source.name().to_owned()));
        json::to_bytes(&map).map_err(|error| {
            Error::with_source(
                ErrorKind::Encode,
                format!("schedule entry `{}`: could not be written", self.name),
                error,
            )
        })
    }

    /// Reads what [`to_stored`](Self::to_stored) wrote.
    ///
    /// # Errors
    /// When it is damaged, or a schedule of somebody's own.
    pub fn from_stored(name: &str, stored: &[u8]) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(ErrorKind::Config, format!("schedule entry `{name}`: {what}"));
        let mut map: Map = json::from_slice(stored).map_err(|_| wrong("what is stored is no JSON object"))?;
        if let Some(Value::Str(own)) = map.get(OWN) {
            return Err(wrong(&format!("its schedule ({own}) is known to the program that has it only")));
        }
        let source = map.shift_remove(SOURCE);
        let source = source.as_ref().and_then(Value::as_str).and_then(Source::from_name);
        Self::from_map(name, &map, source.unwrap_or_default())
    }

    /// Reads all entries of a map, such as the setting `beat_schedule`.
    ///
    /// # Errors
    /// As [`from_map`](Self::from_map), for the first that is wrong.
    pub fn all_from_map(map: &Map, source: Source) -> Result<Vec<Self>, Error> {
        map.iter()
            .map(|(name, entry)| match entry {
                Value::Map(entry) => Self::from_map(name, entry, source),
                _ => Err(Error::new(
                    ErrorKind::Config,
                    format!("schedule entry `{name}`: expected a table with `task` and a schedule"),
                )),
            })
            .collect()
    }
}

/// Keys of the stored form that are no fields.
const SOURCE: &str = "source";
const OWN: &str = "own_schedule";

impl Source {
    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Settings => "settings",
            Self::Runtime => "runtime",
        }
    }

    /// Reads [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Code, Self::Settings, Self::Runtime].into_iter().find(|source| source.name() == name)
    }
}

/// The schedule from `schedule`, or from one of its short forms.
fn timing(map: &Map) -> Result<Timing, String> {
    let short = [("every", "every"), ("cron", "crontab"), ("solar", "solar"), ("at", "at")];
    let given: Vec<_> = short.into_iter().filter(|(name, _)| map.contains_key(*name)).collect();
    match (map.get("schedule"), given.as_slice()) {
        (Some(schedule), []) => {
            let mut timing = Timing::from_value(schedule).map_err(|error| format!("`schedule`: {error}"))?;
            // Celery has `relative` beside the schedule.
            if let (Timing::Every(interval), Some(Value::Bool(true))) = (&mut timing, map.get("relative")) {
                *interval = interval.relative();
            }
            Ok(timing)
        }
        (None, [(name, of_schedule)]) => {
            let mut schedule: Map = [((*of_schedule).to_owned(), map[*name].clone())].into_iter().collect();
            if let Some(relative) = map.get("relative") {
                schedule.insert("relative".to_owned(), relative.clone());
            }
            Timing::from_value(&Value::Map(schedule))
        }
        (None, []) => {
            Err("it needs a schedule: one of `every`, `cron`, `solar`, `at`, `schedule`".to_owned())
        }
        _ => Err("it has more than one of `every`, `cron`, `solar`, `at`, `schedule`".to_owned()),
    }
}

/// Reads fields of an entry.
struct Fields<'a, W> {
    map: &'a Map,
    wrong: &'a W,
}

impl<W: Fn(String) -> Error> Fields<'_, W> {
    fn get<K: Kind>(&self, name: &str) -> Result<Option<K>, Error> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => K::from_value(value)
                .map(Some)
                .map_err(|_| (self.wrong)(format!("`{name}`: expected {}", K::expected()))),
        }
    }

    fn need<K: Kind>(&self, name: &str) -> Result<K, Error> {
        self.get(name)?.ok_or_else(|| (self.wrong)(format!("`{name}` is missing")))
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.get::<String>(name)? else { return Ok(None) };
        let at = parse_timestamp(&text, &TimeZone::UTC);
        at.map(Some).map_err(|_| {
            (self.wrong)(format!("`{name}`: `{text}` is no time such as `2026-03-01T10:00:00Z`"))
        })
    }
}

impl Kind for Overlap {
    fn expected() -> String {
        "`allow`, `skip`, `queue_one` or `cancel_previous`".to_owned()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("allow") => Ok(Self::Allow),
            Some("skip") => Ok(Self::Skip),
            Some("queue_one") => Ok(Self::QueueOne),
            Some("cancel_previous") => Ok(Self::CancelPrevious),
            _ => Err(Self::expected()),
        }
    }
    fn to_value(&self) -> Value {
        let name = match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::QueueOne => "queue_one",
            Self::CancelPrevious => "cancel_previous",
        };
        Value::Str(name.to_owned())
    }
}

impl Kind for CatchUp {
    fn expected() -> String {
        "`none`, `last`, or how old missed times may be to be sent all, such as `1h`".to_owned()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("none") => Ok(Self::None),
            Some("last") => Ok(Self::Last),
            _ => Duration::from_value(value).map(|within| Self::All { within }).map_err(|_| Self::expected()),
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::None => Value::Str("none".to_owned()),
            Self::Last => Value::Str("last".to_owned()),
            Self::All { within } => within.to_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Entry, Error> {
        let map: Map = json::from_slice(text.as_bytes()).unwrap();
        Entry::from_map("nightly", &map, Source::Settings)
    }

    #[test]
    fn an_entry_is_read_and_written_back() {
        let entry = read(
            r#"{"task": "proj.clean", "cron": "0 4 * * *", "tz": "Europe/Rome", "args": [1], "kwargs": {"x": 2},
                "options": {"priority": 3}, "queue": "low", "expires": "12h", "jitter": "5m", "max_runs": 10,
                "overlap": "skip", "catch_up": "1h", "start": "2026-01-01T00:00:00Z", "enabled": false}"#,
        )
        .unwrap();
        assert_eq!(entry.describe(), "at 04:00");
        assert_eq!(entry.call.options.queue.as_deref(), Some("low"));
        assert_eq!(entry.catch_up, CatchUp::All { within: Duration::from_secs(3_600) });
        let again = Entry::from_map("nightly", &entry.to_map().unwrap(), Source::Settings).unwrap();
        assert_eq!(again, entry);
        assert_eq!(Entry::from_stored("nightly", &entry.to_stored().unwrap()).unwrap(), entry);
    }

    #[test]
    fn celery_s_form_is_read() {
        let entry = read(
            r#"{"task": "conf_tasks.record", "schedule": {"every": 1.0}, "args": ["x", "key"], "kwargs": {},
                "options": {"queue": "q"}}"#,
        )
        .unwrap();
        assert_eq!(entry.describe(), "every 1 second");
        let entry =
            read(r#"{"task": "t", "schedule": {"crontab": {"minute": "*/1"}}, "relative": false}"#).unwrap();
        assert_eq!(entry.describe(), "every minute");
    }

    #[test]
    fn what_is_wrong_names_the_entry_and_the_field() {
        for (text, part) in [
            (r#"{"every": 1}"#, "`task` is missing"),
            (r#"{"task": "t"}"#, "it needs a schedule"),
            (r#"{"task": "t", "every": 0}"#, "longer than zero"),
            (r#"{"task": "t", "every": 1, "cron": "* * * * *"}"#, "more than one"),
            (r#"{"task": "t", "cron": "0 0 30 2 *"}"#, "never due"),
            (r#"{"task": "t", "every": 1, "tz": "Mars/Olympus"}"#, "`tz`"),
            (r#"{"task": "t", "every": 1, "overlaps": "skip"}"#, "did you mean `overlap`?"),
            (r#"{"task": "t", "every": 1, "overlap": "maybe"}"#, "`queue_one`"),
            (r#"{"task": "t", "every": 1, "args": {}}"#, "`args`: expected a list"),
            (r#"{"task": "t", "every": 1, "start": "x"}"#, "`start`"),
            (
                r#"{"task": "t", "every": 1, "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}"#,
                "`end` is before `start`",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.starts_with("schedule entry `nightly`: ") && error.contains(part),
                "{text}: {error}"
            );
        }
    }
}
