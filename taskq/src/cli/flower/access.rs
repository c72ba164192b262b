//! What is done for a board on the command line: passwords, tokens, the audit log.

use std::{
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use taskq_core::Timestamp;
use taskq_flower::{
    Options,
    auth::{NewToken, Tokens, hash_password},
    store::check_audit,
};

use super::super::{
    Exit, Failure, Session,
    table::{Align, Table},
};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Commands beside the board
#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Read a password from standard input, and print its Argon2 hash
    HashPassword,
    /// Make, list and revoke tokens of programs, whether the board runs or not
    #[command(subcommand)]
    Token(Token),
    /// Look at the log of what was done, whether the board runs or not
    #[command(subcommand)]
    Audit(Audit),
}

/// What is done to the audit log
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// See whether each entry still fits the one before it
    Verify {
        /// A hash that this command has printed before: its entry has to be there still
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

/// What is done to tokens
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token, and print it: it is not shown again
    Create(Create),
    /// List tokens, without what they are
    List,
    /// End a token
    Revoke {
        /// Its name or id
        token: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// What it is called, in the audit log, too
    name: String,
    /// viewer, operator or admin
    #[arg(long, required_unless_present = "allow")]
    role: Option<String>,
    /// Permissions, with commas, besides or instead
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',')]
    allow: Vec<String>,
    /// Only these queues: patterns, with commas
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    queues: Vec<String>,
    /// Only these tasks: patterns, with commas
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    tasks: Vec<String>,
    /// When it ends, in days from now; default: it does not
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

impl Access {
    pub(super) async fn run(&self, session: &Session, options: &Options) -> Result<(), Failure> {
        match self {
            Self::HashPassword => session.out.line(&hash_password(&password(session)?)?),
            Self::Token(token) => token.run(session, &Tokens::open(&store(options)?)?),
            Self::Audit(Audit::Verify { head }) => verify(session, &store(options)?, head.as_deref()),
        }
    }
}

fn verify(session: &Session, store: &Path, head: Option<&str>) -> Result<(), Failure> {
    let found = check_audit(store, head)?;
    if let Some(seq) = found.broken_at {
        let text = format!("entry {seq} of the audit log does not fit the one before it");
        return Err(Failure::new(Exit::Failed, text)
            .hint("it was changed, or entries before it were taken out: compare with a copy"));
    }
    if let Some(head) = head.filter(|_| !found.has_head) {
        let text = format!("no entry of the audit log has the hash `{head}`");
        return Err(Failure::new(Exit::Failed, text)
            .hint("entries at the end were taken out, or it has grown old and was deleted (`keep_audit`)"));
    }
    let range = found.range.map_or_else(|| "none".to_owned(), |(first, last)| format!("{first} to {last}"));
    let shown = || json!({"entries": found.rows, "range": found.range, "head": found.head});
    session.out.print(shown, |_| {
        let head = found.head.as_deref().unwrap_or("none");
        format!("{} entries ({range}) fit each other; the hash of the last is {head}", found.rows)
    })
}

/// The file that the board of these options keeps its history in.
fn store(options: &Options) -> Result<PathBuf, Failure> {
    options.store_path().ok_or_else(|| {
        Failure::usage("this board keeps its history in memory, and tokens end with it")
            .hint("name the file with `--store`, as where the board is started")
    })
}

impl Token {
    fn run(&self, session: &Session, tokens: &Tokens) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(session, tokens),
            Self::List => {
                let all = tokens.list();
                session.out.print(|| all.clone(), |style| table(&all).render(style))
            }
            Self::Revoke { token } => match tokens.revoke(token)? {
                Some(name) => {
                    session.out.note(&format!("token `{name}` is refused from now on"));
                    Ok(())
                }
                None => Err(Failure::new(Exit::Failed, format!("there is no token `{token}`"))
                    .hint("`flower token list` prints them")),
            },
        }
    }
}

impl Create {
    fn run(&self, session: &Session, tokens: &Tokens) -> Result<(), Failure> {
        let now = session.app.clock().now().as_second();
        let expires = self.days.map(|days| now.saturating_add(i64::from(days) * DAY));
        let some = |patterns: &Vec<String>| Some(patterns.clone()).filter(|patterns| !patterns.is_empty());
        let new = NewToken {
            name: self.name.clone(),
            role: self.role.clone(),
            allow: self.allow.clone(),
            queues: some(&self.queues),
            tasks: some(&self.tasks),
            expires,
        };
        let (id, token) = tokens.create(&new, "command line", now)?;
        session.out.note("keep it now: it is not shown again");
        session.out.print(|| json!({"id": id, "token": token}), |_| token.clone())
    }
}

fn table(tokens: &[Value]) -> Table {
    let left = ["ID", "NAME", "MAY", "ONLY", "MADE BY", "ENDS"].map(|title| (title, Align::Left));
    let mut table = Table::new(left);
    let texts = |value: &Value| {
        let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    for token in tokens {
        let text = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
        let grants = token["grants"].as_array().into_iter().flatten();
        let mut may = vec![text("role")];
        let mut only = [texts(&token["queues"]), texts(&token["tasks"])].concat();
        for grant in grants {
            may.extend(texts(&grant["allow"]));
            only.extend([texts(&grant["queues"]), texts(&grant["tasks"])].concat());
        }
        may.retain(|word| !word.is_empty());
        only.dedup();
        let ends = token["expires"].as_i64().and_then(|second| Timestamp::from_second(second).ok());
        let ends = ends.map_or_else(|| "never".to_owned(), |at| at.to_string());
        table.row([text("id"), text("name"), may.join(","), only.join(","), text("by"), ends]);
    }
    table
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
