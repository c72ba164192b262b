//! `report`: what a bug report needs, and a health check.

use clap::Args;
use serde_json::{Map, Value, json};
use taskq_core::codec;

use super::{Exit, Failure, Session};

/// Print versions, settings and whether broker and backend answer
#[derive(Args, Debug)]
pub(crate) struct Report {}

struct Service {
    what: &'static str,
    url: String,
    problem: Option<String>,
}

impl Report {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let settings = session.app.settings();
        let broker = Service {
            what: "broker",
            url: settings.broker_url.to_string(),
            problem: session.ping_broker().await.err().map(|error| error.to_string()),
        };
        let backend = Service {
            what: "result backend",
            url: settings.backend_url().to_string(),
            problem: session.ping_backend().await.err().map(|error| error.to_string()),
        };
        let services = [broker, backend];
        session.out.print(
            || document(session, &services),
            |style| {
                let mut lines = vec![
                    format!(
                        "taskq           {}, {} {}",
                        env!("CARGO_PKG_VERSION"),
                        std::env::consts::OS,
                        std::env::consts::ARCH
                    ),
                    format!("{:<16}{}, {} tasks", "program", session.program, session.app.registry().len()),
                ];
                for service in &services {
                    let state = match &service.problem {
                        None => style.good("reachable"),
                        Some(problem) => style.bad(&format!("not reachable: {problem}")),
                    };
                    lines.push(format!("{:<16}{}  {state}", service.what, service.url));
                }
                lines.push(String::new());
                let changed = settings.changed();
                if changed.is_empty() {
                    lines.push("all settings have their default".to_owned());
                }
                let width = changed.iter().map(|(setting, _)| setting.name.len()).max().unwrap_or(0);
                for (setting, value) in changed {
                    let source =
                        settings.source(setting.name).map(|source| format!("({source})")).unwrap_or_default();
                    lines.push(format!("{:<width$}  {}  {}", setting.name, text(&value), style.dim(&source)));
                }
                lines.join("\n")
            },
        )?;
        match services.iter().find(|service| service.problem.is_some()) {
            Some(service) => Err(Failure::new(
                Exit::Unreachable,
                format!("the {} `{}` cannot be reached", service.what, service.url),
            )),
            None => Ok(()),
        }
    }
}

fn document(session: &Session, services: &[Service; 2]) -> Value {
    let service = |service: &Service| json!({"url": service.url, "reachable": service.problem.is_none(), "problem": service.problem});
    let settings: Map<String, Value> = session
        .app
        .settings()
        .changed()
        .into_iter()
        .map(|(setting, value)| {
            (setting.name.to_owned(), serde_json::from_str(&text(&value)).unwrap_or_default())
        })
        .collect();
    json!({
        "taskq": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "program": session.program,
        "tasks": session.app.registry().len(),
        "broker": service(&services[0]),
        "result_backend": service(&services[1]),
        "settings": settings,
    })
}

/// A value as JSON text.
fn text(value: &codec::Value) -> String {
    codec::json::to_bytes(value)
        .map_or_else(|error| format!("({error})"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
