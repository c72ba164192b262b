//! Where options come from: the command line wins over the file, the file over the environment.

use std::path::{Path, PathBuf};

use taskq_core::{Error, ErrorKind};

use super::{
    Options, file,
    table::{self, OPTIONS},
};

/// The file that is read if it is there.
const DEFAULT_FILE: &str = "flowerconfig.py";
/// Names closer than this are suggested.
const SIMILAR: f64 = 0.75;

/// Where options come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    flags: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    file: Option<PathBuf>,
}

impl Sources {
    /// None: every option has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables of this process.
    #[must_use]
    pub fn environment(mut self) -> Self {
        let told = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix("FLOWER_")?.to_lowercase();
            Some((name, value.to_str()?.to_owned()))
        });
        self.environment.extend(told);
        self
    }

    /// An option of the command line, without its dashes.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.flags.push((name.into(), text.into()));
        self
    }

    /// The file of Flower's option `conf`; without, `flowerconfig.py` is read if it is there.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads them.
    ///
    /// # Errors
    /// When an option is not known, its value cannot be read, the file is not there, or the whole is not safe.
    pub fn load(self) -> Result<Options, Error> {
        let mut options = Options::default();
        for (name, text) in &self.environment {
            let place = format!("`FLOWER_{}`", name.to_uppercase());
            // The container platform may have variables of its own, such as FLOWER_PORT_5555_TCP.
            if table::find(name).is_some() {
                set(&mut options, name, text, &place)?;
            } else if name != "conf" && !name.contains("_port") && !name.contains("_service") {
                tracing::warn!("{place} is no option of the board");
            }
        }
        let told = self.environment.iter().find(|(name, _)| name == "conf").map(|(_, path)| path.into());
        let path = self.file.clone().or(told);
        let (path, must) = path.map_or((Path::new(DEFAULT_FILE).into(), false), |path: PathBuf| (path, true));
        if must || path.exists() {
            for (name, text) in file::read(&path).map_err(invalid)? {
                set(&mut options, &name, &text, &format!("`{name}` in `{}`", path.display()))?;
            }
        }
        for (name, text) in &self.flags {
            set(&mut options, name, text, &format!("`--{name}`"))?;
        }
        options.check()?;
        Ok(options)
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}

fn set(options: &mut Options, name: &str, text: &str, place: &str) -> Result<(), Error> {
    let plain = name.replace('-', "_");
    if let Some((_, why)) = table::REFUSED.iter().find(|(refused, _)| *refused == plain) {
        return Err(invalid(format!("{place} {why}")));
    }
    let Some(spec) = table::find(name) else {
        let near = OPTIONS
            .iter()
            .map(|spec| (strsim::jaro_winkler(spec.name, &plain), spec.name))
            .filter(|(likeness, _)| *likeness > SIMILAR)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let hint = near.map_or_else(String::new, |(_, near)| format!("; did you mean `{near}`?"));
        return Err(invalid(format!("{place} is no option of the board{hint}")));
    };
    (spec.read)(options, text).map_err(|why| invalid(format!("{place}: {why}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flowerconfig.py");
        fs::write(
            &path,
            "port = 2\nmax_tasks = 7  # few\nnatural_time = True\nbasic_auth = ['a:b', \"c:d\"]\n",
        )
        .unwrap();
        let mut sources = Sources::new().file(&path).flag("port", "3");
        sources.environment = [("port", "1"), ("max_tasks", "6"), ("url_prefix", "flower/")]
            .map(|(a, b)| (a.into(), b.into()))
            .into();
        let options = sources.load().unwrap();
        assert_eq!((options.port, options.max_tasks, options.natural_time), (3, 7, true));
        assert_eq!((options.url_prefix.as_str(), options.basic_auth.len()), ("/flower", 2));
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest_name() {
        let said = Sources::new().flag("url-prefx", "x").load().unwrap_err().to_string();
        assert!(said.contains("`--url-prefx`") && said.contains("`url_prefix`"), "{said}");
        let said = Sources::new().flag("log_rotate_when", "x").load().unwrap_err().to_string();
        assert!(said.contains("logrotate"), "{said}");
    }

    #[test]
    fn all_of_flowers_options_are_there() {
        let flower = "port address unix_socket debug inspect_timeout auth auth_provider oauth2_key oauth2_secret \
            oauth2_redirect_uri basic_auth cookie_secret max_workers max_tasks db persistent state_save_interval \
            broker_api ca_certs certfile keyfile xheaders auto_refresh purge_offline_workers enable_events \
            natural_time tasks_columns url_prefix task_runtime_metric_buckets read_only";
        for name in flower.split_whitespace() {
            assert!(table::find(&name.replace('_', "-")).is_some_and(|spec| spec.of_flower), "{name}");
        }
    }
}
