//! `completions`: shell completion for this program.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, Failure, Output};

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "bash:  source <(PROGRAM completions bash)\n\
                        zsh:   PROGRAM completions zsh > ~/.zfunc/_PROGRAM\n\
                        fish:  PROGRAM completions fish > ~/.config/fish/completions/PROGRAM.fish")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, program: &str, out: Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), program, &mut script);
        let script = String::from_utf8(script).map_err(|error| {
            Failure::new(Exit::Failed, format!("the completion script is no text: {error}"))
        })?;
        out.line(script.trim_end())
    }
}
