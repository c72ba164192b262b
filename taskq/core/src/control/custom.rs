//! Commands of the program's own, answered by its workers (Celery: `@control_command`, `@inspect_command`).

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    BoxFuture, Error,
    app::App,
    codec::{Map, Value},
};

/// What a custom command does with its arguments: the reply, as it is.
pub type ControlCommand = Arc<dyn Fn(App, Map) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync>;

/// Whether a command asks or tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// Asks: `taskq inspect`.
    Inspect,
    /// Tells: `taskq control`.
    Control,
}

/// The custom commands of an app, by name.
#[derive(Clone, Default)]
pub struct CustomCommands(BTreeMap<String, (ControlKind, ControlCommand)>);

impl CustomCommands {
    pub(crate) fn add(&mut self, name: String, kind: ControlKind, command: ControlCommand) {
        self.0.insert(name, (kind, command));
    }

    /// A command.
    pub fn get(&self, name: &str) -> Option<&ControlCommand> {
        self.0.get(name).map(|(_, command)| command)
    }

    /// The names of one kind.
    pub fn names(&self, kind: ControlKind) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, (of, _))| *of == kind).map(|(name, _)| name.as_str())
    }
}

impl fmt::Debug for CustomCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
