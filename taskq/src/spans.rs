//! Tracing as a part of the program's life: set up before the logs, finished after the last publish. Without the
//! feature `otel` it is nothing.

use std::io;

use taskq_core::{Error, app::AppBuilder};

use crate::telemetry::Logging;

/// The spans of a process, if they are sent anywhere.
#[derive(Debug)]
pub(crate) struct Spans {
    #[cfg(feature = "otel")]
    export: Option<crate::otel::Export>,
}

#[cfg(feature = "otel")]
impl Spans {
    /// As the environment says.
    pub(crate) fn of(program: &str) -> Result<Self, Error> {
        let export = crate::otel::Export::from_env(program)?;
        export.iter().for_each(crate::otel::Export::install);
        Ok(Self { export })
    }

    /// The app with spans around its publishes and runs.
    pub(crate) fn around(&self, builder: AppBuilder) -> AppBuilder {
        match self.export {
            Some(_) => builder.outer_middleware(crate::otel::middleware()),
            None => builder,
        }
    }

    /// Starts to log.
    pub(crate) fn install(&self, logging: &Logging) -> io::Result<bool> {
        match &self.export {
            Some(export) => logging.install_with(export.layer()),
            None => logging.install(),
        }
    }

    /// Sends the last ones.
    pub(crate) async fn finish(self) {
        if let Some(export) = self.export {
            let _ = tokio::task::spawn_blocking(move || export.finish()).await; // a panic is reported by itself
        }
    }
}

#[cfg(not(feature = "otel"))]
impl Spans {
    pub(crate) fn of(_: &str) -> Result<Self, Error> {
        Ok(Self {})
    }

    #[allow(clippy::unused_self)]
    pub(crate) fn around(&self, builder: AppBuilder) -> AppBuilder {
        builder
    }

    #[allow(clippy::unused_self)]
    pub(crate) fn install(&self, logging: &Logging) -> io::Result<bool> {
        logging.install()
    }

    pub(crate) async fn finish(self) {}
}
