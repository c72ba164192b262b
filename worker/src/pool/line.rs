//! Jobs in the order they start in: as they came, but that those whose task or queue has as many runs as it may
//! have are stepped past.
//!
//! Kept true here: among jobs that may start the oldest goes first; a job that was stepped past keeps its place;
//! those are looked through again only when one of them may start.

use std::collections::VecDeque;

use crate::job::Job;

/// Jobs that wait for a slot, and those that wait for a share as well.
#[derive(Debug, Default)]
pub(super) struct Line {
    jobs: VecDeque<Job>,
    /// Older than all of `jobs`: each was first in line when its share was full.
    passed: VecDeque<Job>,
    /// A share may have room since these were looked through.
    freed: bool,
}

/// Where the next job is.
#[derive(Clone, Copy, Debug)]
enum Next {
    First,
    Passed(usize),
}

impl Line {
    pub(super) fn extend(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.jobs.extend(jobs);
    }

    /// The next job that may start.
    pub(super) fn peek(&mut self) -> Option<&Job> {
        match self.next()? {
            Next::First => self.jobs.front(),
            Next::Passed(at) => self.passed.get(at),
        }
    }

    /// Takes it.
    pub(super) fn pop(&mut self) -> Option<Job> {
        match self.next()? {
            Next::First => self.jobs.pop_front(),
            Next::Passed(at) => self.passed.remove(at),
        }
    }

    fn next(&mut self) -> Option<Next> {
        if self.freed {
            if let Some(at) = self.passed.iter().position(Job::may_start) {
                return Some(Next::Passed(at));
            }
            self.freed = false;
        }
        while let Some(job) = self.jobs.pop_front() {
            if job.may_start() {
                self.jobs.push_front(job);
                return Some(Next::First);
            }
            self.passed.push_back(job);
        }
        None
    }

    /// A share has room again, or another limit.
    pub(super) fn freed(&mut self) {
        self.freed = true;
    }

    /// How many wait for a share.
    pub(super) fn passed(&self) -> usize {
        self.passed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.passed.is_empty()
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.passed.iter().chain(&self.jobs)
    }

    /// Takes those that wait for nothing but a slot, newest first.
    pub(super) fn take_newest(&mut self) -> Vec<Job> {
        self.jobs.drain(..).rev().collect()
    }

    /// Takes all, oldest first.
    pub(super) fn take(&mut self) -> Vec<Job> {
        self.passed.drain(..).chain(self.jobs.drain(..)).collect()
    }
}
