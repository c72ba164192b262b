//! One term of leading: look, send what is due, renew the lease, follow changes.

use std::time::Duration;

use jiff::tz::TimeZone;
use taskq_core::{
    Error, Timestamp,
    app::App,
    schedule::{Claim, Entry, Leadership, ScheduleStore, Tick, TickKind},
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    compose::Composer,
    overlap::{self, Decision},
    plan::Plan,
    report::Report,
    sources,
};

/// A tick that is later than this is told as a warning.
const LATE: Duration = Duration::from_secs(5);

/// A term, from becoming the leader until something ends it.
#[derive(Debug)]
pub(crate) struct Term<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a dyn ScheduleStore,
    pub(crate) report: &'a Report,
    pub(crate) name: &'a str,
    pub(crate) lease: Duration,
    pub(crate) token: u64,
}

impl Term<'_> {
    /// Leads until stopped, or until another leads.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn run(&self, stop: &CancellationToken) -> Result<(), Error> {
        let snapshot = sources::sync(self.app, self.store).await?;
        let mut plan = self.plan(snapshot);
        let mut composer = Composer::new(self.app);
        info!(beat = self.name, entries = plan.len(), term = self.token, "beat leads");
        self.send_pending(&plan, &mut composer).await?;
        let renew_every = self.lease / 3;
        let mut renewed = Instant::now();
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            if renewed.elapsed() >= renew_every {
                if !self.renew().await? {
                    warn!(beat = self.name, "another beat leads now");
                    return Ok(());
                }
                renewed = Instant::now();
                if self.store.revision().await? != plan.revision {
                    let changed = self.plan(self.store.snapshot().await?);
                    let resumed = plan.resumed_in(&changed);
                    plan = changed;
                    debug!(entries = plan.len(), "the schedule has changed");
                    self.leave_out_what_passed(&mut plan, &resumed).await?;
                }
            }
            self.report.set_looked(self.now());
            if !self.send_due(&mut plan, &mut composer).await? {
                warn!(beat = self.name, "another beat leads now");
                return Ok(());
            }
            let until_renewal = renew_every.saturating_sub(renewed.elapsed());
            let until_due = plan.next().map_or(until_renewal, |at| until(self.now(), at));
            tokio::select! {
                biased;
                () = sleep(until_due.min(until_renewal)) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    fn plan(&self, snapshot: taskq_core::schedule::Snapshot) -> Plan {
        let settings = self.app.settings();
        let zone = settings.timezone.clone();
        let zone =
            zone.unwrap_or_else(|| if settings.enable_utc { TimeZone::UTC } else { TimeZone::system() });
        Plan::new(snapshot, self.app.entries(), zone, settings.beat_cron_starting_deadline, self.now())
    }

    async fn renew(&self) -> Result<bool, Error> {
        let leadership = self.store.lead(self.name, self.lease).await?;
        // A new token is a new term: somebody may have led in between.
        Ok(leadership == Leadership::Leader { token: self.token })
    }

    /// What the leader before claimed and may not have published. Under the same task id: where workers know
    /// results, a second message of the same task is seen.
    async fn send_pending(&self, plan: &Plan, composer: &mut Composer) -> Result<(), Error> {
        if self.store.publishes() {
            return Ok(());
        }
        let snapshot = self.store.snapshot().await?;
        for (name, due) in snapshot.states.iter().filter_map(|(name, state)| Some((name, state.pending?))) {
            if let Some(planned) = plan.get(name) {
                warn!(entry = name, %due, "the beat before may not have sent this; sending it again");
                if let Some(message) = composer.message(&planned.entry, due).await? {
                    self.app.broker().await?.publish(std::slice::from_ref(&message)).await?;
                }
            }
            self.store.confirm(self.token, std::slice::from_ref(name)).await?;
        }
        Ok(())
    }

    /// The times that passed while an entry was paused, up to now.
    async fn leave_out_what_passed(&self, plan: &mut Plan, resumed: &[String]) -> Result<(), Error> {
        let now = self.now();
        let tick = |name: &String| {
            let planned = plan.get(name)?;
            let due = *plan.due(planned, now).last()?;
            let (entry, after) = (name.clone(), planned.state.last_due);
            let task = planned.entry.task_id(due);
            Some(Tick { entry, kind: TickKind::LeftOut, due, after, at: now, task, message: None })
        };
        let ticks: Vec<Tick> = resumed.iter().filter_map(tick).collect();
        let claims = self.store.claim(self.token, &ticks).await?;
        for (tick, claim) in ticks.iter().zip(claims) {
            self.settle(plan, tick, claim, now).await?;
        }
        Ok(())
    }

    /// Sends all that is due. False: another leads.
    async fn send_due(&self, plan: &mut Plan, composer: &mut Composer) -> Result<bool, Error> {
        let now = self.now();
        let mut ticks = Vec::new();
        for name in plan.awake(now) {
            self.ticks_of(plan, composer, &name, now, &mut ticks).await?;
        }
        if ticks.is_empty() {
            return Ok(true);
        }
        let claims = match self.store.claim(self.token, &ticks).await {
            Ok(claims) => claims,
            Err(error) if error.is_retryable() => return Err(error),
            // One of them may be at fault: the others must not wait for it.
            Err(_) => self.claim_singly(&ticks).await?,
        };
        if claims.contains(&Claim::Fenced) {
            return Ok(false);
        }
        self.publish(&ticks, &claims).await?;
        for (tick, claim) in ticks.iter().zip(claims) {
            self.settle(plan, tick, claim, now).await?;
        }
        Ok(true)
    }

    /// The ticks of one entry that are to be sent, or left out, now.
    async fn ticks_of(
        &self,
        plan: &mut Plan,
        composer: &mut Composer,
        name: &str,
        now: Timestamp,
        ticks: &mut Vec<Tick>,
    ) -> Result<(), Error> {
        let Some(planned) = plan.get(name).cloned() else { return Ok(()) };
        let (entry, state) = (&planned.entry, &planned.state);
        if let Some(asked) = state.asked {
            ticks.extend(self.tick(composer, entry, TickKind::RunNow, asked, None).await);
            if !self.store.publishes() {
                return Ok(()); // one at a time: only one can be pending
            }
        }
        let mut due = plan.due(&planned, now);
        if !self.store.publishes() {
            due.truncate(1);
        }
        if due.is_empty() {
            if state.asked.is_none() {
                plan.replan(name, now);
            }
            return Ok(());
        }
        let mut kind = TickKind::Due;
        if state.paused || !entry.enabled {
            kind = TickKind::LeftOut;
            due.drain(..due.len() - 1);
        } else {
            match overlap::decide(self.app, entry, state, now).await {
                Ok(Decision::Send) => {}
                Ok(Decision::LeaveOut) => kind = TickKind::LeftOut,
                Ok(Decision::Wait) => {
                    plan.look_again(name, now);
                    return Ok(());
                }
                Err(error) => {
                    self.report.count_error();
                    warn!(entry = name, %error, "could not ask for the run before; looking again");
                    plan.look_again(name, now);
                    return Ok(());
                }
            }
        }
        let mut after = state.last_due;
        for due in due {
            match self.tick(composer, entry, kind, due, after).await {
                Some(tick) => ticks.push(tick),
                None => {
                    plan.look_again(name, now);
                    break;
                }
            }
            after = Some(due);
        }
        Ok(())
    }

    /// A tick with its message; `None` when it cannot be written now.
    async fn tick(
        &self,
        composer: &mut Composer,
        entry: &Entry,
        kind: TickKind,
        due: Timestamp,
        after: Option<Timestamp>,
    ) -> Option<Tick> {
        let message = match kind {
            TickKind::LeftOut => None,
            _ => match composer.message(entry, due).await {
                Ok(message) => message,
                Err(error) => {
                    self.report.count_error();
                    error!(entry = entry.name, task = entry.call.task, %due, %error, "could not write a tick");
                    return None;
                }
            },
        };
        let kind = if message.is_none() && kind == TickKind::Due { TickKind::LeftOut } else { kind };
        Some(Tick {
            entry: entry.name.clone(),
            kind,
            due,
            after,
            at: self.now(),
            task: entry.task_id(due),
            message: message.map(Box::new),
        })
    }

    async fn claim_singly(&self, ticks: &[Tick]) -> Result<Vec<Claim>, Error> {
        let mut claims = Vec::with_capacity(ticks.len());
        for tick in ticks {
            match self.store.claim(self.token, std::slice::from_ref(tick)).await {
                Ok(claim) => claims.extend(claim),
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => {
                    self.report.count_error();
                    error!(entry = tick.entry, due = %tick.due, %error, "could not send a tick; it stays due");
                    claims.push(Claim::Lost);
                }
            }
        }
        Ok(claims)
    }

    /// Publishes what was claimed, where the store has not done so.
    async fn publish(&self, ticks: &[Tick], claims: &[Claim]) -> Result<(), Error> {
        if self.store.publishes() {
            return Ok(());
        }
        let won =
            || ticks.iter().zip(claims).filter(|(_, claim)| **claim == Claim::Won).map(|(tick, _)| tick);
        let messages: Vec<_> = won().filter_map(|tick| tick.message.as_deref().cloned()).collect();
        if messages.is_empty() {
            return Ok(());
        }
        self.app.broker().await?.publish(&messages).await?;
        let entries: Vec<String> = won().map(|tick| tick.entry.clone()).collect();
        self.store.confirm(self.token, &entries).await
    }

    /// Takes note of what became of a tick.
    async fn settle(&self, plan: &mut Plan, tick: &Tick, claim: Claim, now: Timestamp) -> Result<(), Error> {
        let Tick { entry, kind, due, task, at, .. } = tick;
        if claim != Claim::Won {
            // Dealt with by a leader before, or removed: what the store says counts.
            let fresh = self.store.snapshot().await?.states.remove(entry);
            plan.update(entry, now, |state| *state = fresh.unwrap_or_default());
            plan.look_again(entry, now);
            return Ok(());
        }
        if *kind == TickKind::LeftOut {
            self.report.count_left_out();
            debug!(entry, %due, "tick left out");
        } else {
            let late = at.duration_since(*due).try_into().unwrap_or_default();
            self.report.count_sent(late);
            let seconds = late.as_secs_f64();
            if late > LATE {
                warn!(entry, id = %task, %due, late = seconds, "tick sent late");
            } else {
                info!(entry, id = %task, %due, late = seconds, "tick sent");
            }
        }
        plan.update(entry, now, |state| match kind {
            TickKind::RunNow => {
                state.asked = None;
                state.runs += 1;
            }
            TickKind::Backfill => state.runs += 1,
            TickKind::LeftOut => state.last_due = Some(*due),
            TickKind::Due => {
                state.last_due = Some(*due);
                state.last_sent = Some(*at);
                state.last_task = Some(task.clone());
                state.runs += 1;
            }
        });
        Ok(())
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    at.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}
