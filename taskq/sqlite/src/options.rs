//! Where the file is, and how it is used.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How hard SQLite waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit survives the death of the process. A power cut may take back the last commits before it, but
    /// never damages the file. The default.
    #[default]
    Normal,
    /// A commit survives a power cut too, at the price of one `fsync` per transaction.
    Full,
}

impl Synchronous {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
        }
    }
}

/// How a file is used. The first who opens a file in a process decides for the process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How hard a commit waits for the disk. Default [`Synchronous::Normal`]. In a URL: `?synchronous=full`.
    pub synchronous: Synchronous,
    /// How long a write waits for another process that writes. Default 5 s. In a URL: `?busy_timeout=10`
    /// (seconds).
    pub busy_timeout: Duration,
    /// How often writes of other processes are looked for while somebody waits, where the system does not tell of
    /// them: Linux does. Default 2 ms, at least 1. In a URL: `?poll_interval=0.01` (seconds).
    pub poll_interval: Duration,
    /// How long results are kept (`result_expires`); `None`: for ever. Default 1 day.
    pub result_expires: Option<Duration>,
    /// How long failures are kept (`result_failure_expires`); `None`, the default: as other results.
    pub result_failure_expires: Option<Duration>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Normal,
            busy_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_millis(2),
            result_expires: Some(Duration::from_secs(86_400)),
            result_failure_expires: None,
        }
    }
}

impl SqliteOptions {
    /// Reads an address: `sqlite:./a.db` and `sqlite:a.db` are relative to the working directory,
    /// `sqlite:/a.db` and `sqlite:///a.db` are absolute. What follows a `?` overrides these options.
    pub(crate) fn with_url(mut self, url: &str) -> Result<(PathBuf, Self), String> {
        let scheme = url.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sqlite"));
        let Some((_, rest)) = scheme else {
            return Err(format!("`{url}` is no address of a SQLite file: `sqlite:./taskq.db` is one"));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = place.strip_prefix("//").unwrap_or(place);
        if place.is_empty() {
            return Err(format!("`{url}` names no file: write `sqlite:./taskq.db`"));
        }
        if place == ":memory:" {
            return Err(format!("`{url}` would lose every task: use a file, or `memory://` for tests"));
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.set(key, value).map_err(|why| format!("`{url}`: {why}"))?;
        }
        Ok((Path::new(place).to_owned(), self))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let seconds = || {
            let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            seconds.ok_or_else(|| format!("`{key}={value}` is no number of seconds"))
        };
        match key {
            "synchronous" => {
                self.synchronous = match value.to_ascii_lowercase().as_str() {
                    "normal" => Synchronous::Normal,
                    "full" => Synchronous::Full,
                    _ => return Err(format!("`{key}={value}` is neither `normal` nor `full`")),
                }
            }
            "busy_timeout" => self.busy_timeout = seconds()?,
            "poll_interval" => self.poll_interval = seconds()?.max(Duration::from_millis(1)),
            _ => {
                return Err(format!(
                    "there is no option `{key}`; there are `synchronous`, `busy_timeout`, `poll_interval`"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<String, String> {
        let (path, _) = SqliteOptions::default().with_url(url)?;
        Ok(path.to_string_lossy().into_owned())
    }

    #[test]
    fn addresses_are_relative_or_absolute() {
        for (url, path) in [
            ("sqlite:./taskq.db", "./taskq.db"),
            ("sqlite:taskq.db", "taskq.db"),
            ("SQLite:///var/lib/taskq.db", "/var/lib/taskq.db"),
            ("sqlite:/var/lib/taskq.db?synchronous=full", "/var/lib/taskq.db"),
            ("sqlite://dir/taskq.db", "dir/taskq.db"),
        ] {
            assert_eq!(place(url).as_deref(), Ok(path), "{url}");
        }
    }

    #[test]
    fn what_would_lose_tasks_or_names_nothing_is_refused() {
        for (url, says) in [
            ("sqlite::memory:", "would lose every task"),
            ("sqlite://:memory:", "would lose every task"),
            ("sqlite:", "names no file"),
            ("redis://h", "no address of a SQLite file"),
            ("sqlite:a.db?sync=full", "there is no option `sync`"),
            ("sqlite:a.db?synchronous=off", "neither `normal` nor `full`"),
            ("sqlite:a.db?busy_timeout=-1", "no number of seconds"),
        ] {
            let error = place(url).unwrap_err();
            assert!(error.contains(says), "{url}: {error}");
        }
    }

    #[test]
    fn a_url_overrides_options() {
        let (_, options) =
            SqliteOptions::default().with_url("sqlite:a.db?synchronous=FULL&busy_timeout=0.5").unwrap();
        assert_eq!(options.synchronous, Synchronous::Full);
        assert_eq!(options.busy_timeout, Duration::from_millis(500));
    }
}
