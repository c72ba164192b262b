//! The live view as a screen: workers above, tasks below, rates beside them.
//!
//! Kept true here: the same state gives the same screen; a small terminal shows less, never nothing.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Row, Sparkline, Table},
};
use taskq_core::{
    Timestamp,
    backend::State,
    event::{TaskView, WorkerView},
};

use super::live::Live;

/// Workers that are shown at most before tasks need the room.
const MOST_WORKERS: usize = 10;
/// Lines of the rates.
const RATE_ROWS: usize = 3;
/// Columns of the rates.
const RATES: u16 = 32;

pub(super) fn draw(frame: &mut Frame<'_>, live: &mut Live, now: f64) {
    let workers: Vec<&WorkerView> = live.cluster.workers().collect();
    let height = u16::try_from(workers.len().clamp(RATE_ROWS - 1, MOST_WORKERS) + 3).unwrap_or(u16::MAX);
    let [head, above, below, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(RATES)]).areas(above);
    frame.render_widget(headline(live, &workers, now), head);
    frame.render_widget(workers_table(&workers, now), left);
    rates(frame, live, right);
    let rows = usize::from(below.height.saturating_sub(3));
    frame.render_widget(tasks_table(live, rows), below);
    let keys = " q quit   p pause   f failed only   \u{2191}\u{2193} PgUp PgDn Home scroll";
    frame.render_widget(Line::styled(keys, Style::new().add_modifier(Modifier::DIM)), foot);
}

fn headline(live: &Live, workers: &[&WorkerView], now: f64) -> Line<'static> {
    let alive = workers.iter().filter(|worker| worker.is_alive(now)).count();
    let mut text = format!(
        " {}   {alive} of {} workers online   {} events",
        live.broker,
        workers.len(),
        live.cluster.events()
    );
    if live.garbage + live.cluster.strange() > 0 {
        text.push_str(&format!(" ({} unreadable)", live.garbage + live.cluster.strange()));
    }
    let mut spans = vec![Span::styled(text, Style::new().add_modifier(Modifier::BOLD))];
    if live.is_paused {
        spans.push(Span::styled("   PAUSED", Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD)));
    }
    Line::from(spans)
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().add_modifier(Modifier::DIM))
}

fn workers_table(workers: &[&WorkerView], now: f64) -> Table<'static> {
    let row = |worker: &&WorkerView| {
        let (state, color) =
            if worker.is_alive(now) { ("online", Color::Green) } else { ("offline", Color::Red) };
        Row::new([
            Cell::from(worker.hostname.clone()),
            Cell::from(Span::styled(state, Style::new().fg(color))),
            Cell::from(worker.active.to_string()),
            Cell::from(worker.processed.to_string()),
            Cell::from(format!("{:.2}", worker.loadavg[0])),
            Cell::from(format!("{} {}", worker.sw_ident, worker.sw_ver)),
        ])
    };
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Fill(1),
    ];
    Table::new(workers.iter().take(MOST_WORKERS).map(row), widths)
        .header(header(["worker", "state", "active", "processed", "load", "software"]))
        .block(Block::bordered().title(" workers "))
}

fn rates(frame: &mut Frame<'_>, live: &Live, area: Rect) {
    let block = Block::bordered().title(" tasks a second ");
    let inside = block.inner(area);
    frame.render_widget(block, area);
    for (at, (name, last, seconds)) in live.rates.rows().into_iter().enumerate() {
        let Some(y) = u16::try_from(at).ok().filter(|y| *y < inside.height) else { return };
        let line = Rect { y: inside.y + y, height: 1, ..inside };
        let [label, bars] = Layout::horizontal([Constraint::Length(16), Constraint::Min(0)]).areas(line);
        frame.render_widget(Line::from(format!("{name:<10}{last:>5} ")), label);
        let shown = &seconds[seconds.len().saturating_sub(usize::from(bars.width))..];
        let color = if name == "failed" { Color::Red } else { Color::Green };
        frame.render_widget(Sparkline::default().data(shown).style(Style::new().fg(color)), bars);
    }
}

fn tasks_table(live: &mut Live, rows: usize) -> Table<'static> {
    let bad = |task: &&TaskView| {
        !live.only_failed
            || matches!(task.state, State::Failure | State::Retry | State::Revoked | State::Rejected)
    };
    let total = live.cluster.tasks().filter(bad).count();
    let scroll = live.scroll.min(total.saturating_sub(rows));
    let shown: Vec<Row<'static>> =
        live.cluster.tasks().rev().filter(bad).skip(scroll).take(rows).map(task_row).collect();
    let title = format!(" {}tasks, newest first: {} ", if live.only_failed { "failed " } else { "" }, total);
    live.scroll = scroll;
    let widths = [
        Constraint::Length(36),
        Constraint::Fill(2),
        Constraint::Length(9),
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Fill(2),
    ];
    Table::new(shown, widths)
        .header(header(["id", "task", "state", "worker", "at", "took", "what came of it"]))
        .block(Block::bordered().title(title))
}

fn task_row(task: &TaskView) -> Row<'static> {
    let color = match task.state {
        State::Success => Color::Green,
        State::Failure | State::Rejected => Color::Red,
        State::Retry | State::Revoked => Color::Yellow,
        State::Started => Color::Cyan,
        _ => Color::Reset,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let came = task.exception.as_ref().or(task.result.as_ref()).or(task.args.as_ref());
    Row::new([
        Cell::from(task.id.clone()),
        Cell::from(text(&task.name)),
        Cell::from(Span::styled(task.state.as_str().to_lowercase(), Style::new().fg(color))),
        Cell::from(text(&task.worker)),
        Cell::from(clock(task.timestamp)),
        Cell::from(task.runtime.map(|runtime| format!("{runtime:.3}s")).unwrap_or_default()),
        Cell::from(came.cloned().unwrap_or_default()),
    ])
}

/// The time of day, UTC.
fn clock(seconds: f64) -> String {
    let at = Timestamp::from_microsecond((seconds * 1e6) as i64);
    at.map(|at| at.strftime("%H:%M:%S").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};
    use taskq_core::{
        codec::{Map, Value},
        event::Event,
    };

    use super::{
        super::live::{Key, Live},
        *,
    };

    const NOW: f64 = 1_800_000_000.0;

    fn event(kind: &str, clock: u64, fields: &[(&str, Value)]) -> Event {
        Event {
            kind: kind.to_owned(),
            hostname: "celery@web1".to_owned(),
            clock,
            timestamp: NOW,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map>(),
            ..Event::default()
        }
    }

    fn live() -> Live {
        let mut live = Live::new("redis://localhost:6379/0".to_owned());
        let beat = [
            ("freq", Value::Float(2.0)),
            ("active", Value::Int(3)),
            ("processed", Value::Int(77)),
            ("sw_ident", "taskq".into()),
        ];
        live.take(&event("worker-heartbeat", 1, &beat), NOW);
        for n in 0..30_u64 {
            let (id, name) = (Value::from(format!("id-{n}")), Value::from("proj.mail"));
            live.take(&event("task-received", 2 + 2 * n, &[("uuid", id.clone()), ("name", name)]), NOW);
            let ended = if n % 10 == 0 { "task-failed" } else { "task-succeeded" };
            let fields = [("uuid", id), ("runtime", Value::Float(0.25)), ("exception", "Boom()".into())];
            live.take(&event(ended, 3 + 2 * n, &fields), NOW);
        }
        live.tick(NOW + 1.0);
        live
    }

    fn screen(live: &mut Live, now: f64, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, live, now)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn workers_tasks_and_rates_are_on_the_screen() {
        let mut live = live();
        let shown = screen(&mut live, NOW + 1.0, 140, 30);
        for text in [
            "redis://localhost:6379/0   1 of 1 workers online   61 events",
            "celery@web1",
            "online",
            "77",
            "received     30",
            "succeeded    27",
            "failed        3",
            "tasks, newest first: 30",
            "id-29",
            "proj.mail",
            "success",
            "0.250s",
        ] {
            assert!(shown.contains(text), "`{text}` is not on\n{shown}");
        }
        let late = screen(&mut live, NOW + 100.0, 140, 30);
        assert!(late.contains("offline") && late.contains("0 of 1 workers online"), "{late}");
    }

    #[test]
    fn keys_scroll_filter_and_pause() {
        let mut live = live();
        assert!(!live.press(Key::Down(5)));
        let shown = screen(&mut live, NOW, 140, 20);
        assert!(shown.contains("id-24") && !shown.contains("id-25"), "{shown}");
        live.press(Key::Down(1_000));
        assert!(screen(&mut live, NOW, 140, 20).contains("id-0 "), "not beyond the last one");
        live.press(Key::Failed);
        let shown = screen(&mut live, NOW, 140, 20);
        assert!(shown.contains("failed tasks, newest first: 3") && shown.contains("Boom()"), "{shown}");
        assert!(shown.contains("id-20") && !shown.contains("id-21"), "{shown}");
        live.press(Key::Pause);
        live.take(&event("worker-heartbeat", 99, &[]), NOW);
        let shown = screen(&mut live, NOW, 140, 20);
        assert!(shown.contains("PAUSED") && shown.contains("61 events"), "{shown}");
        assert!(live.press(Key::Quit));
    }

    #[test]
    fn a_tiny_terminal_is_no_reason_to_break() {
        for (width, height) in [(1, 1), (10, 3), (40, 8), (80, 24)] {
            screen(&mut live(), NOW, width, height);
        }
        screen(&mut Live::default(), NOW, 80, 24);
    }
}
