//! Which tasks this process knows, by name.

use std::{collections::BTreeMap, sync::Arc};

use super::{States, Task, TaskDef};
use crate::{Error, ErrorKind};

/// The tasks a process knows. Names are unique.
#[derive(Clone, Debug, Default)]
pub struct Registry(BTreeMap<String, Arc<TaskDef>>);

impl Registry {
    /// No tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every function with `#[task]` in this program. A task crate that nothing mentions is not linked and so
    /// not in here: `use tasks as _;` is enough.
    ///
    /// # Errors
    /// When two functions have one name; says where both are.
    pub fn linked() -> Result<Self, Error> {
        let mut registry = Self::new();
        for def in inventory::iter::<TaskDef> {
            registry.add(def.clone())?;
        }
        Ok(registry)
    }

    /// Adds a task under its own name.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn add_task<T: Task>(&mut self, _: T) -> Result<&mut Self, Error> {
        self.add(TaskDef::of::<T>())
    }

    /// Adds a task under a name chosen at run time.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn add_as<T: Task>(&mut self, _: T, name: impl Into<String>) -> Result<&mut Self, Error> {
        self.add(TaskDef::of::<T>().named(name))
    }

    /// Adds a definition.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn add(&mut self, def: TaskDef) -> Result<&mut Self, Error> {
        if let Some(other) = self.0.get(def.name.as_ref()) {
            return Err(Error::new(
                ErrorKind::Registration,
                format!(
                    "two tasks are named `{}` (`{}` and `{}`): rename one with `#[task(name = …)]`",
                    def.name, other.location, def.location
                ),
            ));
        }
        self.0.insert(def.name.clone().into_owned(), Arc::new(def));
        Ok(self)
    }

    /// The task of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<TaskDef>> {
        self.0.get(name)
    }

    /// All tasks, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TaskDef>> {
        self.0.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that every state a task needs is there.
    ///
    /// # Errors
    /// Names the first task and the type that is missing.
    pub fn check_states(&self, states: &States) -> Result<(), Error> {
        for def in self.iter() {
            for key in def.states {
                if !states.has(key) {
                    return Err(Error::new(
                        ErrorKind::Registration,
                        format!(
                            "task `{}` needs state of type `{}`: add it with `.state(…)` when the app is built",
                            def.name,
                            key.name()
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}
