//! What is done for a board on the command line: passwords.

use std::io::{self, BufRead, IsTerminal};

use clap::Subcommand;
use taskq_flower::auth::hash_password;

use super::super::{Exit, Failure, Session};

/// Commands beside the board
#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Read a password from standard input, and print its Argon2 hash
    HashPassword,
}

impl Access {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::HashPassword => session.out.line(&hash_password(&password(session)?)?),
        }
    }
}

/// One line of standard input.
fn password(session: &Session) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        session.out.note("type the password (it is shown), then Enter");
    }
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new(Exit::Failed, format!("could not read the password: {error}")))?;
    let password = line.trim_end_matches(['\n', '\r']);
    match password.is_empty() {
        true => Err(Failure::usage("the password is empty").hint("give it on standard input")),
        false => Ok(password.to_owned()),
    }
}
