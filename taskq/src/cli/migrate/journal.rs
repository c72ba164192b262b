//! What was published at the destination and may still be at the source: one line for each message, so that a run
//! that was killed is gone on with.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    fs::{self, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use super::super::{Exit, Failure};

/// Before the names of a batch that is being published; after it, its names stand alone.
const INTENT: &str = "? ";

/// Names of messages, on disk before they are counted on.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    done: HashSet<String>,
    /// Of the batch at which a run was killed.
    doubtful: HashSet<String>,
}

/// Where it is unless somebody says otherwise: of its own for each pair of brokers. No URL stands in it.
pub(super) fn path(source: &str, destination: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (source, destination).hash(&mut hasher);
    PathBuf::from(format!(".taskq-migrate-{:016x}", hasher.finish()))
}

impl Journal {
    /// Opens it, or makes a new one.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| failure(path, &error);
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(failed)?;
        let (mut done, mut doubtful) = (HashSet::new(), HashSet::new());
        for line in BufReader::new(&file).lines() {
            let line = line.map_err(failed)?;
            match line.strip_prefix(INTENT) {
                Some(name) => _ = doubtful.insert(name.to_owned()),
                None => {
                    doubtful.remove(&line);
                    done.insert(line);
                }
            }
        }
        Ok(Self { path: path.to_owned(), file, done, doubtful })
    }

    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether the destination has it for sure.
    pub(super) fn has(&self, name: &str) -> bool {
        self.done.contains(name)
    }

    /// Whether the destination may have it.
    pub(super) fn doubts(&self, name: &str) -> bool {
        self.doubtful.contains(name)
    }

    /// Says what is about to be published.
    pub(super) fn intend(&mut self, names: &[String]) -> Result<(), Failure> {
        self.write(names, INTENT)
    }

    /// Says that the destination has them.
    pub(super) fn note(&mut self, names: Vec<String>) -> Result<(), Failure> {
        self.write(&names, "")?;
        self.done.extend(names);
        Ok(())
    }

    fn write(&mut self, names: &[String], before: &str) -> Result<(), Failure> {
        let text: String = names.iter().map(|name| format!("{before}{name}\n")).collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| failure(&self.path, &error))
    }

    /// All is moved.
    pub(super) fn remove(self) -> Result<(), Failure> {
        fs::remove_file(&self.path).map_err(|error| failure(&self.path, &error))
    }
}

fn failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("could not keep the journal `{}`: {error}", path.display()))
        .hint("`--journal FILE` puts it somewhere else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_intended_and_not_done_is_in_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut journal = Journal::open(&path).unwrap();
        journal.intend(&names(&["a", "b"])).unwrap();
        journal.note(names(&["a", "b"])).unwrap();
        journal.intend(&names(&["c"])).unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert!(journal.has("a") && journal.has("b") && !journal.has("c"));
        assert!(journal.doubts("c") && !journal.doubts("a"));
        journal.remove().unwrap();
        assert_eq!(Journal::open(&path).unwrap().len(), 0);
    }
}
