//! Files that name the one process that may do something.
//!
//! Kept true here: a file that names a process which lives is left alone; one that a process left behind when it was killed
//! is taken over; it goes with its process.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use nix::{sys::signal::kill, unistd::Pid};

use super::{Exit, Failure};

/// A file with our process id, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pidfile(PathBuf);

impl Pidfile {
    /// Writes our process id there.
    ///
    /// # Errors
    /// When a process that lives has its own there, or it cannot be written.
    pub(crate) fn take(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let failed =
            |error| Failure::new(Exit::Failed, format!("could not write the pidfile `{shown}`: {error}"));
        loop {
            match fs::OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    writeln!(file, "{}", std::process::id()).map_err(failed)?;
                    return Ok(Self(path.to_owned()));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
            if let Some(pid) = read(path).filter(|pid| *pid != std::process::id() && is_alive(*pid)) {
                return Err(Failure::new(Exit::Failed, format!("`{shown}` names process {pid}, which runs"))
                    .hint("end that one first, or give another file"));
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
    }
}

impl Pidfile {
    /// Puts another process's id there, which it keeps.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn leave_to(self, pid: u32) -> Result<(), Failure> {
        let shown = self.0.display();
        fs::write(&self.0, format!("{pid}\n")).map_err(|error| {
            Failure::new(Exit::Failed, format!("could not write the pidfile `{shown}`: {error}"))
        })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        // Somebody may have taken it over by hand.
        if read(&self.0) == Some(std::process::id()) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// The process that a file names.
pub(crate) fn read(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether there is a process of that id. One that has ended and was not collected is none.
pub(crate) fn is_alive(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The name, in brackets, may hold anything.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])),
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_it_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pid");
        let first = Pidfile::take(&path).unwrap();
        assert_eq!(read(&path), Some(std::process::id()));
        drop(first);
        assert!(!path.exists());
        // Process 1 lives for as long as we do.
        fs::write(&path, "1\n").unwrap();
        assert!(Pidfile::take(&path).is_err());
        assert_eq!(read(&path), Some(1), "left alone");
        for stale in ["4194305\n", "garbage", ""] {
            fs::write(&path, stale).unwrap();
            drop(Pidfile::take(&path).unwrap());
        }
    }
}
