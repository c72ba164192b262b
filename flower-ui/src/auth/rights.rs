//! What somebody may do, and to what.
//!
//! Kept true here: what is not granted is refused; a grant that is limited to queues or names covers only what is
//! known to be of them.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::{Value as Json, json};

use super::permission::{Permission, Role};

/// What something is done to, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Target<'a> {
    /// The queue it is in, or goes to.
    pub(crate) queue: Option<&'a str>,
    /// The name of the task.
    pub(crate) task: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// A whole queue, whatever is in it.
    pub(crate) fn queue(queue: &'a str) -> Self {
        Self { queue: Some(queue), task: None }
    }

    /// A task.
    pub(crate) fn task(name: Option<&'a str>, queue: Option<&'a str>) -> Self {
        Self { queue, task: name }
    }
}

/// Patterns of names, such as `shop.*`.
#[derive(Clone, Debug)]
struct Names {
    patterns: Vec<String>,
    set: GlobSet,
}

impl Names {
    fn new(patterns: &[String]) -> Result<Self, String> {
        if patterns.is_empty() {
            return Err("an empty list of patterns allows nothing: leave it out to allow all".to_owned());
        }
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(Glob::new(pattern).map_err(|error| format!("`{pattern}` is no pattern: {error}"))?);
        }
        let set = set.build().map_err(|error| error.to_string())?;
        Ok(Self { patterns: patterns.to_vec(), set })
    }

    fn has(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.set.is_match(name))
    }
}

/// Permissions, and what they are limited to.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    allow: Vec<Permission>,
    queues: Option<Names>,
    tasks: Option<Names>,
}

impl Grant {
    /// Reads one; no patterns: no limit.
    ///
    /// # Errors
    /// When a permission is not known or cannot be limited, or a pattern cannot be read.
    pub(crate) fn new(
        allow: &[String],
        queues: Option<&[String]>,
        tasks: Option<&[String]>,
    ) -> Result<Self, String> {
        let read = |name: &String| {
            let all = || Permission::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
            Permission::read(name).ok_or_else(|| format!("`{name}` is no permission; there are {}", all()))
        };
        let allow = allow.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let limited = queues.is_some() || tasks.is_some();
        if let Some(permission) = allow.iter().find(|permission| limited && !permission.can_be_limited()) {
            return Err(format!("`{}` cannot be limited to queues or tasks", permission.name()));
        }
        Ok(Self {
            allow,
            queues: queues.map(Names::new).transpose()?,
            tasks: tasks.map(Names::new).transpose()?,
        })
    }

    /// A role as grants: what can be limited is limited.
    ///
    /// # Errors
    /// When a pattern cannot be read, or somebody who may do everything would be limited.
    pub(crate) fn of_role(
        role: Role,
        queues: Option<&[String]>,
        tasks: Option<&[String]>,
    ) -> Result<Vec<Self>, String> {
        let limited = queues.is_some() || tasks.is_some();
        if role == Role::Admin && limited {
            return Err("an admin cannot be limited to queues or tasks".to_owned());
        }
        let (bound, free) = Permission::ALL
            .iter()
            .copied()
            .filter(|permission| role.holds(*permission))
            .partition(|permission| limited && permission.can_be_limited());
        let free = Self { allow: free, queues: None, tasks: None };
        if !limited {
            return Ok(vec![free]);
        }
        let (queues, tasks) = (queues.map(Names::new).transpose()?, tasks.map(Names::new).transpose()?);
        Ok(vec![free, Self { allow: bound, queues, tasks }])
    }

    fn allows(&self, permission: Permission) -> bool {
        self.allow.iter().any(|it| *it == permission || *it == Permission::Admin)
    }

    fn covers(&self, permission: Permission, target: Target<'_>) -> bool {
        self.allows(permission)
            && self.queues.as_ref().is_none_or(|queues| queues.has(target.queue))
            && self.tasks.as_ref().is_none_or(|tasks| tasks.has(target.task))
    }

    fn json(&self) -> Json {
        let allow: Vec<_> = self.allow.iter().map(|permission| permission.name()).collect();
        let patterns = |names: &Option<Names>| names.as_ref().map(|names| names.patterns.clone());
        json!({"allow": allow, "queues": patterns(&self.queues), "tasks": patterns(&self.tasks)})
    }
}

/// All that somebody may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    /// What it is called: a role, or `custom`, or `none`.
    role: Option<Role>,
    grants: Vec<Grant>,
}

impl From<Role> for Rights {
    fn from(role: Role) -> Self {
        let allow = Permission::ALL.iter().copied().filter(|permission| role.holds(*permission)).collect();
        Self { role: Some(role), grants: vec![Grant { allow, queues: None, tasks: None }] }
    }
}

impl Rights {
    pub(crate) fn new(role: Option<Role>, grants: Vec<Grant>) -> Self {
        Self { role, grants }
    }

    /// What they are called.
    pub(crate) fn name(&self) -> &'static str {
        match (self.role, self.grants.is_empty()) {
            (Some(role), _) => role.name(),
            (None, true) => "none",
            (None, false) => "custom",
        }
    }

    /// Whether it is allowed for that target.
    pub(crate) fn cover(&self, permission: Permission, target: Target<'_>) -> bool {
        self.grants.iter().any(|grant| grant.covers(permission, target))
    }

    /// Whether it is allowed for some target.
    pub(crate) fn have(&self, permission: Permission) -> bool {
        self.grants.iter().any(|grant| grant.allows(permission))
    }

    /// The grants that are limited, for those who ask what they may do.
    pub(crate) fn limits(&self) -> Vec<Json> {
        let limited = self.grants.iter().filter(|grant| grant.queues.is_some() || grant.tasks.is_some());
        limited.map(Grant::json).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &[&str]) -> Vec<String> {
        of.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_limited_grant_covers_only_what_is_known_to_be_of_it() {
        let grant = Grant::new(
            &texts(&["task.revoke", "queue.purge"]),
            Some(&texts(&["report*"])),
            Some(&texts(&["shop.*"])),
        );
        let rights = Rights::new(None, vec![grant.unwrap()]);
        let may = |task, queue| rights.cover(Permission::TaskRevoke, Target::task(task, queue));
        assert!(may(Some("shop.charge"), Some("reports")));
        assert!(!may(Some("shop.charge"), Some("mail")) && !may(Some("other"), Some("reports")));
        assert!(!may(None, Some("reports")) && !may(Some("shop.charge"), None));
        // A whole queue may hold other tasks.
        assert!(!rights.cover(Permission::QueuePurge, Target::queue("reports")));
        assert!(rights.have(Permission::QueuePurge) && !rights.have(Permission::TaskCall));
    }

    #[test]
    fn a_limited_role_sees_everything_and_changes_its_own() {
        let tasks = texts(&["shop.*"]);
        let rights = Rights::new(None, Grant::of_role(Role::Operator, None, Some(&tasks)).unwrap());
        assert!(rights.cover(Permission::View, Target::default()));
        assert!(rights.cover(Permission::TaskRetry, Target::task(Some("shop.a"), None)));
        assert!(!rights.cover(Permission::TaskRetry, Target::task(Some("mail.a"), None)));
        assert!(!rights.cover(Permission::ViewPayloads, Target::task(Some("mail.a"), None)));
        assert!(Grant::of_role(Role::Admin, None, Some(&tasks)).is_err());
    }

    #[test]
    fn roles_hold_what_their_names_say() {
        let able = |role: Role| {
            let rights = Rights::from(role);
            Permission::ALL.iter().filter(|it| rights.have(**it)).map(|it| it.name()).collect::<Vec<_>>()
        };
        assert_eq!(able(Role::Viewer), ["view", "view_payloads", "audit.view"]);
        assert_eq!(able(Role::Admin).len(), Permission::ALL.len());
        for gone in ["queue.purge", "dead.drop", "worker.shutdown", "task.delete", "schedule.edit", "admin"] {
            assert!(!able(Role::Operator).contains(&gone), "{gone}");
        }
        let all = Rights::new(None, vec![Grant::new(&texts(&["admin"]), None, None).unwrap()]);
        assert!(Permission::ALL.iter().all(|it| all.cover(*it, Target::default())));
    }

    #[test]
    fn what_cannot_be_limited_or_is_not_known_is_refused() {
        let queues = texts(&["a"]);
        assert!(
            Grant::new(&texts(&["view"]), Some(&queues), None).unwrap_err().contains("cannot be limited")
        );
        assert!(Grant::new(&texts(&["task.revok"]), None, None).unwrap_err().contains("task.revoke"));
        assert!(Grant::new(&texts(&["task.call"]), Some(&[]), None).is_err());
        assert!(Grant::new(&texts(&["task.call"]), Some(&texts(&["[a"])), None).is_err());
    }
}
