//! Finds or installs `rabbitmq-server`.
//!
//! Debian's package starts a service when it is installed, and its `rabbitmq-server` in `PATH` is a wrapper that
//! works on that service's folders as that service's user. So no service may start during the installation, and
//! the scripts behind the wrapper are used, which take all folders from their environment.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::apt;
use crate::progress;
use crate::run::Run;
use crate::workspace::find;

/// Where Debian keeps the scripts.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

/// Finds the scripts and exports the folder they are in.
pub(crate) fn provide(run: &mut Run) -> Result<()> {
    let scripts = progress::step("rabbitmq-server", || {
        let scripts = match locate() {
            Some(scripts) => scripts,
            None => {
                apt::install_without_service("RabbitMQ", &["rabbitmq-server"])?;
                locate().with_context(|| format!("`rabbitmq-server` is installed, but not in `{DEBIAN}`"))?
            }
        };
        // `…/rabbitmq_server-3.10.8/sbin`: asking the script itself would start a node.
        let real = scripts.join("rabbitmq-server").canonicalize().unwrap_or_default();
        let shown = real.ancestors().nth(2).and_then(|dir| dir.file_name()?.to_str()?.split_once('-'));
        let found = format!("{} at {}", shown.map_or("?", |(_, version)| version), scripts.display());
        Ok((scripts, found))
    })?;
    run.export("TASKQ_TEST_RABBITMQ_SCRIPTS", scripts);
    Ok(())
}

/// The folder of the scripts: Debian's, else the one that `PATH` leads to.
fn locate() -> Option<PathBuf> {
    let debian = PathBuf::from(DEBIAN);
    if debian.join("rabbitmq-server").exists() {
        return Some(debian);
    }
    find("rabbitmq-server")?.canonicalize().ok()?.parent().map(PathBuf::from)
}
