//! The board's options as flags: built from its table, with dashes or underscores.

use std::path::PathBuf;

use super::super::setting_flag::SettingFlag;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use taskq_core::Error;
use taskq_flower::options::{OPTIONS, Options, Sources};

/// What the command line says about the board.
#[derive(Clone, Debug, Default)]
pub(crate) struct BoardArgs {
    flags: Vec<(&'static str, String)>,
    conf: Option<PathBuf>,
}

impl BoardArgs {
    /// An option as it was given, or as the environment has it. A switch that is off was not given.
    pub(super) fn told(&self, name: &str) -> Option<String> {
        let flag = self.flags.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone());
        let variable = || std::env::var(format!("FLOWER_{}", name.to_uppercase())).ok();
        flag.or_else(variable)
            .filter(|text| !matches!(text.to_lowercase().as_str(), "" | "false" | "no" | "0"))
    }

    /// What the rest of the program is told, too.
    pub(super) fn flags(&self) -> Vec<SettingFlag> {
        let api = self.flags.iter().find(|(name, _)| *name == "broker_api");
        api.map(|(name, url)| SettingFlag::new("--broker-api", *name, url)).into_iter().collect()
    }

    /// The options, with those of the environment and the file.
    pub(super) fn load(&self) -> Result<Options, Error> {
        let mut sources = Sources::new().environment();
        if let Some(conf) = &self.conf {
            sources = sources.file(conf);
        }
        for (name, text) in &self.flags {
            sources = sources.flag(*name, text);
        }
        sources.load()
    }
}

impl Args for BoardArgs {
    fn augment_args(command: Command) -> Command {
        let conf = Arg::new("conf")
            .long("conf")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Options from this file: TOML, or the assignments of a `flowerconfig.py`");
        OPTIONS.iter().fold(command.arg(conf), |command, spec| {
            let heading = if spec.of_flower { "Flower's options" } else { "Options of the board" };
            let arg = Arg::new(spec.name)
                .long(spec.name.replace('_', "-"))
                .alias(spec.name)
                .help(spec.help)
                .help_heading(heading)
                .action(ArgAction::Set);
            command.arg(match spec.value {
                Some(value) => arg.value_name(value),
                None => {
                    arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL")
                }
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for BoardArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = OPTIONS
            .iter()
            .filter_map(|spec| Some((spec.name, matches.get_one::<String>(spec.name)?.clone())))
            .collect();
        Ok(Self { flags, conf: matches.get_one::<PathBuf>("conf").cloned() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::super::{Cli, Command};

    fn load(line: &str) -> Result<taskq_flower::Options, taskq_core::Error> {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Flower(flower) => flower.board.load(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flowers_command_line_is_read_with_dashes_and_underscores() {
        let options = load(
            "proj -A proj flower --port=5566 --url-prefix=x --max_tasks 7 --read-only --natural_time=False",
        )
        .unwrap();
        assert_eq!((options.port, options.url_prefix.as_str(), options.max_tasks), (5566, "/x", 7));
        assert!(options.read_only && !options.natural_time);
        assert!(Cli::try_parse_from(["proj", "flower", "--url-prefx=x"]).is_err());
    }
}
