//! The file of users, read again when it changes.
//!
//! Kept true here: who was taken out of the file may nothing from the next look on; a file that cannot be read, or says
//! what nobody understands, changes nothing, and that is said.

use std::{
    fs,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use taskq_core::{Error, ErrorKind};
use tokio::signal::unix::{SignalKind, signal};

use super::{Auth, basic::Passwords, permission::Role, users::Users};
use crate::{Options, server::Shared};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Who may log in with a password, and who may do what.
#[derive(Debug)]
pub(super) struct People {
    pub(super) passwords: Passwords,
    pub(super) users: Users,
}

impl People {
    /// # Errors
    /// When the file or a password cannot be used, or nobody could log in.
    pub(super) fn read(options: &Options) -> Result<Self, Error> {
        let config = |why: String| Error::new(ErrorKind::Config, why);
        let users = match &options.users {
            Some(path) => Users::open(path, options.default_role).map_err(config)?,
            None => Users::all(Some(options.default_role.unwrap_or(Role::Admin))),
        };
        let pairs: Vec<_> = options.basic_auth.iter().chain(&users.passwords).cloned().collect();
        let passwords = Passwords::new(&pairs)?;
        if options.users.is_some()
            && passwords.is_empty()
            && options.auth_provider.is_none()
            && options.proxy_header.is_none()
        {
            return Err(config(
                "nobody could log in: give a user of `users` a `password`, or set up `auth_provider` or \
                 `proxy_header`"
                    .to_owned(),
            ));
        }
        Ok(Self { passwords, users })
    }
}

impl Auth {
    pub(super) fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reload(&self, options: &Options) {
        match People::read(options) {
            Ok(people) => {
                *self.people.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(people);
                tracing::info!("the file of users was read again");
            }
            Err(error) => tracing::error!(%error, "the file of users was changed; what it said before holds"),
        }
    }
}

/// Reads the file again when it changes and at SIGHUP, until the board stops. Without a file there is nothing to do.
pub(crate) async fn keep_reading(shared: Shared) {
    let Some(path) = shared.options.users.clone() else { return };
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP is not listened for");
            None
        }
    };
    let mut known = stamp(&path);
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            _ = asked => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = stamp(&path);
        if !told && now == known {
            continue;
        }
        known = now;
        let board = Arc::clone(&shared);
        if super::blocking(move || board.auth.reload(&board.options)).await.is_err() {
            return;
        }
    }
}

/// When it was written, and how long it is.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let file = fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}
