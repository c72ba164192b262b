//! `doctor`: what of the set-up loses, delays or doubles tasks, and how to mend it.
//!
//! Kept true here: every finding that is not good says what to do; nothing is changed by looking.

mod settings;
mod workers;

use std::time::Duration;

use clap::Args;
use serde_json::json;
use taskq_core::broker::{Finding, Severity};

use super::{Exit, Failure, Session, style::Style};

/// Look for what is wrong with broker, workers and settings, and say how to mend it
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 nothing is wrong, 1 a problem was found, 69 the broker cannot be reached."
)]
pub(crate) struct Doctor {
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,

    /// How long to listen to the workers
    #[arg(short = 't', long, value_name = "SECONDS", default_value_t = 3.0)]
    timeout: f64,
}

impl Doctor {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let patience = Duration::try_from_secs_f64(self.timeout)
            .map_err(|_| Failure::usage(format!("`--timeout {}` is no time", self.timeout)))?;
        session.ping_broker().await?;
        let mut findings = settings::look(session);
        findings.push(backend(session).await);
        if let Some(admin) = session.broker().await?.admin() {
            let queues = session.all_queues(&*admin).await?;
            let limit = session.app.settings().max_deliveries;
            findings.extend(session.within(admin.checkup(&queues, limit)).await?);
            findings.extend(workers::look(session, &*admin, &queues, patience).await?);
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        session.out.print(|| document(&findings), |style| text(&findings, style))?;
        let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Good);
        let bound = if self.strict { Severity::Warning } else { Severity::Problem };
        if worst < bound {
            return Ok(());
        }
        let count = findings.iter().filter(|finding| finding.severity >= bound).count();
        let plural = if count == 1 { "" } else { "s" };
        Err(Failure::new(Exit::Failed, format!("{count} finding{plural} to mend")))
    }
}

async fn backend(session: &Session) -> Finding {
    let url = session.app.settings().backend_url();
    match session.ping_backend().await {
        Ok(()) if url.scheme() == "disabled" => Finding::good("results.backend", "no results are kept"),
        Ok(()) => Finding::good("results.backend", format!("`{url}` answers")),
        Err(error) => Finding::new(
            "results.backend",
            Severity::Problem,
            format!("the result backend does not answer: {error}"),
            "start it, or correct `result_backend`; until then tasks run and their results wait",
        ),
    }
}

fn document(findings: &[Finding]) -> serde_json::Value {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    json!({
        "findings": findings,
        "problems": count(Severity::Problem),
        "warnings": count(Severity::Warning),
        "notices": count(Severity::Notice),
    })
}

fn text(findings: &[Finding], style: Style) -> String {
    let mut lines = Vec::new();
    for Finding { check, severity, what, fix } in findings {
        let word = format!("{severity:<8}");
        let word = match severity {
            Severity::Good => style.good(&word),
            Severity::Notice => style.dim(&word),
            Severity::Warning | Severity::Problem => style.bad(&word),
        };
        lines.push(format!("{word} {what} {}", style.dim(&format!("[{check}]"))));
        lines.extend(fix.as_ref().map(|fix| format!("         {} {fix}", style.dim("fix:"))));
    }
    lines.join("\n")
}
