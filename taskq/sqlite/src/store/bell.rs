//! What the watch sleeps with: for a time, until it is called, or until the system says that the log was written to.
//!
//! Kept true here: a call wakes the thread, also one that came just before it went to sleep. What the system says is
//! a hint: it comes before a commit can be seen, for our own commits too, and on some systems never.

use std::{
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    thread,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags};

/// Who sleeps.
#[derive(Debug)]
pub(super) struct Bell {
    calls: UnixStream,
    log: Option<system::Log>,
}

/// Wakes whoever sleeps.
#[derive(Debug)]
pub(super) struct Cord(UnixStream);

impl Cord {
    pub(super) fn pull(&self) {
        // When there is no room, it was called often enough.
        let _ = (&self.0).write(&[0]);
    }
}

impl Bell {
    /// Listens to a log, which exists. Where that cannot be done, only calls wake it.
    pub(super) fn new(log: &Path) -> io::Result<(Self, Cord)> {
        let (calls, cord) = UnixStream::pair()?;
        calls.set_nonblocking(true)?;
        cord.set_nonblocking(true)?;
        let listened = system::Log::open(log);
        if let Err(error) = &listened {
            tracing::debug!(log = %log.display(), %error, "not told of writes: looking for them instead");
        }
        Ok((Self { calls, log: listened.ok() }, Cord(cord)))
    }

    /// Whether the system tells of writes.
    pub(super) fn can_hear(&self) -> bool {
        self.log.is_some()
    }

    /// Looks for writes from now on: the system did not tell of one.
    pub(super) fn go_deaf(&mut self) {
        self.log = None;
    }

    /// Sleeps until it is called.
    pub(super) fn rest(&self, at_most: Duration) {
        self.sleep(&mut [PollFd::new(self.calls.as_fd(), PollFlags::POLLIN)], at_most);
    }

    /// Sleeps until it is called or the log was written to. False: not that it knows.
    pub(super) fn listen(&self, at_most: Duration) -> bool {
        let Some(log) = &self.log else {
            self.rest(at_most);
            return false;
        };
        let fds = [self.calls.as_fd(), log.as_fd()];
        self.sleep(&mut fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)), at_most);
        log.was_written()
    }

    fn sleep(&self, fds: &mut [PollFd<'_>], at_most: Duration) {
        match system::poll(fds, at_most) {
            Ok(()) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => thread::sleep(at_most),
        }
        while (&self.calls).read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        io,
        os::fd::{AsFd, BorrowedFd},
        path::Path,
        time::Duration,
    };

    use nix::{
        poll::{PollFd, ppoll},
        sys::inotify::{AddWatchFlags, InitFlags, Inotify},
    };

    pub(super) fn poll(fds: &mut [PollFd<'_>], at_most: Duration) -> nix::Result<()> {
        ppoll(fds, Some(at_most.into()), None).map(drop)
    }

    /// A file, of which the system tells when it was written to.
    #[derive(Debug)]
    pub(super) struct Log(Inotify);

    impl Log {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            inotify.add_watch(path, AddWatchFlags::IN_MODIFY)?;
            Ok(Self(inotify))
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        /// Whether it was written to since it was asked last.
        pub(super) fn was_written(&self) -> bool {
            self.0.read_events().is_ok_and(|events| !events.is_empty())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{convert::Infallible, io, os::fd::BorrowedFd, path::Path, time::Duration};

    use nix::poll::{PollFd, PollTimeout};

    pub(super) fn poll(fds: &mut [PollFd<'_>], at_most: Duration) -> nix::Result<()> {
        // Up, so that a rest of less than a millisecond is one.
        let millis = i32::try_from(at_most.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        nix::poll::poll(fds, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)).map(drop)
    }

    /// There is none: the system does not tell.
    #[derive(Debug)]
    pub(super) struct Log(Infallible);

    impl Log {
        pub(super) fn open(_: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            match self.0 {}
        }

        pub(super) fn was_written(&self) -> bool {
            match self.0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_call_wakes_also_when_it_came_before_the_sleep() {
        let folder = tempfile::tempdir().unwrap();
        let (bell, cord) = Bell::new(&folder.path().join("no log")).unwrap();
        assert!(!bell.can_hear());
        cord.pull();
        bell.rest(LONG);
        cord.pull();
        cord.pull();
        assert!(!bell.listen(LONG));
        let caller = thread::spawn(move || cord.pull());
        bell.rest(LONG);
        caller.join().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_is_heard_once_and_a_call_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "").unwrap();
        let (bell, cord) = Bell::new(&log).unwrap();
        fs::write(&log, "something").unwrap();
        assert!(bell.listen(LONG));
        cord.pull();
        assert!(!bell.listen(LONG));
    }
}
