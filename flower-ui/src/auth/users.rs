//! Who may do what: the file of the option `users`.
//!
//! Kept true here: a file that says something nobody understands is refused as a whole.

use std::{collections::BTreeMap, fs, path::Path};

use globset::{Glob, GlobMatcher};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    permission::Role,
    rights::{Grant, Rights},
};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    users: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    password: Option<String>,
    role: Option<String>,
    queues: Option<Vec<String>>,
    tasks: Option<Vec<String>>,
    #[serde(default)]
    grants: Vec<SaidGrant>,
}

/// What a file, or somebody who makes a token, says about rights.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) role: Option<String>,
    pub(crate) queues: Option<Vec<String>>,
    pub(crate) tasks: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) grants: Vec<SaidGrant>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaidGrant {
    pub(crate) allow: Vec<String>,
    pub(crate) queues: Option<Vec<String>>,
    pub(crate) tasks: Option<Vec<String>>,
}

impl Said {
    /// What it means.
    ///
    /// # Errors
    /// When a role, a permission or a pattern is none.
    pub(crate) fn rights(&self) -> Result<Rights, String> {
        let mut grants = Vec::new();
        let role = self.role.as_deref().map(|name| {
            Role::read(name).ok_or_else(|| format!("`{name}` is none of `viewer`, `operator`, `admin`"))
        });
        let role = role.transpose()?;
        let (queues, tasks) = (self.queues.as_deref(), self.tasks.as_deref());
        match role {
            Some(role) => grants.extend(Grant::of_role(role, queues, tasks)?),
            None if queues.is_some() || tasks.is_some() => {
                return Err("`queues` and `tasks` limit a `role`, and none is given".to_owned());
            }
            None => {}
        }
        for grant in &self.grants {
            grants.push(Grant::new(&grant.allow, grant.queues.as_deref(), grant.tasks.as_deref())?);
        }
        Ok(Rights::new(role, grants))
    }
}

/// Who may do what.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// For whoever may see it.
    shown: Vec<Json>,
    named: BTreeMap<String, Rights>,
    patterns: Vec<(GlobMatcher, Rights)>,
    /// Those who log in with a password.
    pub(super) passwords: Vec<(String, SecretString)>,
    /// For whom nothing else is said.
    rest: Rights,
}

impl Users {
    /// Everybody may do the same.
    pub(super) fn all(rest: Option<Role>) -> Self {
        Self { rest: rest.map(Rights::from).unwrap_or_default(), ..Self::default() }
    }

    /// Those of a file; `rest` is the role of everybody else who may log in.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(path: &Path, rest: Option<Role>) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("could not read `{shown}`: {error}"))?;
        Self::read(&text, rest).map_err(|why| format!("could not read `{shown}`: {why}"))
    }

    fn read(text: &str, rest: Option<Role>) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut users = Self::all(rest);
        for (name, entry) in file.users {
            let failed = |why: String| format!("user `{name}`: {why}");
            let Entry { password, role, queues, tasks, grants } = entry;
            let said = Said { role, queues, tasks, grants };
            let rights = said.rights().map_err(failed)?;
            let kind = match &password {
                None => "none",
                Some(password) if password.starts_with("$argon2") => "hashed",
                Some(_) => "plain",
            };
            users.shown.push(json!({
                "name": name, "password": kind, "role": said.role, "queues": said.queues, "tasks": said.tasks,
                "grants": said.grants,
            }));
            let pattern = name.contains('*');
            if let Some(password) = password {
                if pattern {
                    return Err(failed("a pattern has no password".to_owned()));
                }
                users.passwords.push((name.clone(), password.into()));
            }
            if pattern {
                let glob = Glob::new(&name).map_err(|error| failed(error.to_string()))?;
                users.patterns.push((glob.compile_matcher(), rights));
            } else {
                users.named.insert(name, rights);
            }
        }
        // The most precise first.
        users.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.glob().glob().len()));
        Ok(users)
    }

    /// What the file says, without passwords.
    pub(super) fn shown(&self) -> Vec<Json> {
        self.shown.clone()
    }

    /// What somebody may do who has logged in.
    pub(super) fn rights(&self, name: &str) -> Rights {
        let by_pattern =
            || self.patterns.iter().find(|(pattern, _)| pattern.is_match(name)).map(|(_, rights)| rights);
        self.named.get(name).or_else(by_pattern).unwrap_or(&self.rest).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Permission, Target};

    #[test]
    fn a_name_counts_before_a_pattern_and_a_pattern_before_the_rest() {
        let text = "[users.anna]\nrole = 'operator'\ngrants = [{ allow = ['queue.purge'], queues = ['r*'] }]\n\
            [users.'*@x.org']\nrole = 'viewer'\n[users.'*@ops.x.org']\nrole = 'admin'\n";
        let users = Users::read(text, None).unwrap();
        let name = |user: &str| users.rights(user).name();
        assert_eq!([name("anna"), name("b@x.org"), name("b@ops.x.org")], ["operator", "viewer", "admin"]);
        assert_eq!(name("stranger"), "none");
        assert_eq!(Users::read(text, Some(Role::Viewer)).unwrap().rights("stranger").name(), "viewer");
        let anna = users.rights("anna");
        assert!(anna.cover(Permission::QueuePurge, Target::queue("reports")));
        assert!(!anna.cover(Permission::QueuePurge, Target::queue("mail")));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, word) in [
            ("[users.a]\nrole = 'boss'\n", "boss"),
            ("[users.a]\nroles = 'admin'\n", "roles"),
            ("[user.a]\nrole = 'admin'\n", "user"),
            ("[users.a]\ntasks = ['x']\n", "role"),
            ("[users.'*']\npassword = 'x'\n", "password"),
            ("[users.a]\ngrants = [{ allow = ['x.y'] }]\n", "x.y"),
            ("[users.a]\ngrants = [{ allow = ['view'], queue = ['x'] }]\n", "queue"),
        ] {
            let said = Users::read(text, None).unwrap_err();
            assert!(said.contains(word), "{text}: {said}");
        }
    }
}
