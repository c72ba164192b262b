//! The live view on a terminal: events and keys in, screens out.
//!
//! Kept true here: the terminal is as it was when this ends, also after a panic.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ratatui::crossterm::event::{self, Event as Input, KeyCode, KeyEventKind, KeyModifiers};
use taskq_core::{Timestamp, event::EventFeed};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    live::{Key, Live},
    view,
};
use crate::cli::{Exit, Failure};

/// How often the screen is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// How long the keyboard is waited for before it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(100);
/// Keys that may wait.
const KEYS: usize = 64;
/// A page, in lines.
const PAGE: usize = 10;

/// Shows what the feed tells until a key ends it.
pub(super) async fn show(mut feed: EventFeed, mut live: Live) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::new(Exit::Failed, format!("could not use the terminal: {error}"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let _restore = Restore;
    let mut keys = Keyboard::start();
    let mut frame = interval(FRAME);
    frame.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            key = keys.keys.recv() => match key {
                Some(key) => {
                    if live.press(key) {
                        return Ok(());
                    }
                    frame.reset_immediately();
                }
                None => return Ok(()), // the terminal has gone
            },
            _ = frame.tick() => {
                let now = now();
                live.tick(now);
                live.garbage = feed.garbage();
                terminal.draw(|frame| view::draw(frame, &mut live, now)).map_err(failed)?;
            }
            event = feed.next() => live.take(&event?, now()),
        }
    }
}

fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}

/// Gives the terminal back when it is dropped.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Reads keys on a thread of its own, which ends with this.
struct Keyboard {
    keys: mpsc::Receiver<Key>,
    is_over: Arc<AtomicBool>,
}

impl Keyboard {
    fn start() -> Self {
        let (send, keys) = mpsc::channel(KEYS);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let key = match event::poll(LOOK) {
                    Ok(false) => continue,
                    Ok(true) => event::read().ok().and_then(|input| key(&input)),
                    Err(_) => return,
                };
                if let Some(key) = key
                    && send.blocking_send(key).is_err()
                {
                    return;
                }
            }
        });
        Self { keys, is_over }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
    }
}

fn key(input: &Input) -> Option<Key> {
    let Input::Key(pressed) = input else { return None };
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    Some(match pressed.code {
        KeyCode::Char('c') if pressed.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
        KeyCode::Char('p') | KeyCode::Char(' ') => Key::Pause,
        KeyCode::Char('f') => Key::Failed,
        KeyCode::Down | KeyCode::Char('j') => Key::Down(1),
        KeyCode::Up | KeyCode::Char('k') => Key::Up(1),
        KeyCode::PageDown => Key::Down(PAGE),
        KeyCode::PageUp => Key::Up(PAGE),
        KeyCode::Home => Key::Top,
        KeyCode::End => Key::Down(usize::MAX),
        _ => return None,
    })
}
