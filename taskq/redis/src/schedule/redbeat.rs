//! Reading the entries of redbeat, the scheduler that Celery's users keep in Redis.
//!
//! Read only: nothing of redbeat's is changed, so both may run while entries move over.

use redis::Pipeline;
use taskq_core::{
    Error, ErrorKind,
    codec::{Map, Value, json},
    config::Urls,
    schedule::{Entry, Source},
};

use crate::{RedisBroker, RedisOptions};

/// What redbeat's keys begin with, unless `redbeat_key_prefix` says otherwise.
pub const REDBEAT_PREFIX: &str = "redbeat:";

/// Entries of redbeat: those that could be read, and of each other one why it could not.
#[derive(Clone, Debug, Default)]
pub struct Redbeat {
    /// Entries under redbeat's names.
    pub entries: Vec<Entry>,
    /// What is wrong with the others.
    pub unreadable: Vec<String>,
}

/// Reads the entries under a prefix.
///
/// # Errors
/// When the server cannot be reached.
pub async fn read_redbeat(urls: &Urls, prefix: &str) -> Result<Redbeat, Error> {
    // Boxed: a connection in the making is large, and this is done once.
    let broker = Box::pin(RedisBroker::connect(urls, RedisOptions::default())).await?;
    let link = &broker.shared().link;
    let mut command = redis::cmd("ZRANGE");
    command.arg(format!("{prefix}:schedule")).arg(0).arg(-1);
    let keys: Vec<String> = link.run("read redbeat's schedule", &command).await?;
    let mut found = Redbeat::default();
    if keys.is_empty() {
        return Ok(found);
    }
    let mut pipeline = Pipeline::with_capacity(keys.len());
    for key in &keys {
        pipeline.cmd("HGET").arg(key).arg("definition");
    }
    let definitions: Vec<Option<Vec<u8>>> = link.pipe("read redbeat's entries", &pipeline).await?;
    for (key, definition) in keys.iter().zip(definitions) {
        let name = key.strip_prefix(prefix).unwrap_or(key);
        match definition.as_deref().map(|definition| entry(name, definition)) {
            Some(Ok(entry)) => found.entries.push(entry),
            Some(Err(error)) => found.unreadable.push(error.to_string()),
            None => {
                found.unreadable.push(format!("schedule entry `{name}`: redbeat has no definition of it"));
            }
        }
    }
    Ok(found)
}

fn entry(name: &str, definition: &[u8]) -> Result<Entry, Error> {
    let wrong = |what: &str| Error::new(ErrorKind::Config, format!("schedule entry `{name}`: {what}"));
    let mut map: Map = json::from_slice(definition).map_err(|_| wrong("its definition is no JSON object"))?;
    let schedule = match map.shift_remove("schedule") {
        Some(Value::Map(schedule)) => schedule,
        _ => return Err(wrong("it has no schedule")),
    };
    // Its own copy of the key.
    map.shift_remove("name");
    map.insert("schedule".to_owned(), timing(schedule).map_err(|what| wrong(&what))?);
    Entry::from_map(name, &map, Source::Runtime)
}

fn timing(mut schedule: Map) -> Result<Value, String> {
    let kind = schedule.shift_remove("__type__");
    match kind.as_ref().and_then(Value::as_str) {
        Some("interval") => Ok(Value::Map(schedule)),
        Some("crontab") => {
            Ok(Value::Map([("crontab".to_owned(), Value::Map(schedule))].into_iter().collect()))
        }
        Some(other) => {
            Err(format!("taskq has no schedule like redbeat's `{other}`: give it `every` or `cron`"))
        }
        None => Err("its schedule does not say what it is".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redbeat_s_definitions_are_read() {
        let read = |text: &str| entry("e", text.as_bytes());
        let interval = read(
            r#"{"name": "e", "task": "t", "args": [1], "kwargs": {}, "options": {"queue": "q"}, "enabled": true,
                "schedule": {"__type__": "interval", "every": 60.0, "relative": false}}"#,
        );
        assert_eq!(interval.unwrap().describe(), "every 1 minute");
        let crontab = read(
            r#"{"name": "e", "task": "t", "schedule": {"__type__": "crontab", "minute": "*/5", "hour": "*",
                "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}, "enabled": false}"#,
        );
        let crontab = crontab.unwrap();
        assert!(crontab.describe() == "every 5 minutes" && !crontab.enabled);
        let rrule = read(r#"{"task": "t", "schedule": {"__type__": "rrule", "freq": "DAILY"}}"#);
        assert!(rrule.unwrap_err().to_string().contains("`rrule`"));
        assert!(read("[]").is_err() && read(r#"{"task": "t"}"#).is_err());
    }
}
