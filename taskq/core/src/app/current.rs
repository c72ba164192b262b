//! Which app a bare `.delay()` uses: the running task's, else the installed one.

use std::sync::{PoisonError, RwLock};

use super::App;
use crate::{Error, ErrorKind};

static INSTALLED: RwLock<Option<App>> = RwLock::new(None);

tokio::task_local! {
    static SCOPE: App;
}

impl App {
    /// Makes this the app that calls use which name none. The last one installed wins.
    pub fn install(&self) {
        *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(self.clone());
    }

    /// The app of the running task, else the installed one.
    ///
    /// # Errors
    /// When there is neither.
    pub fn current() -> Result<Self, Error> {
        if let Ok(app) = SCOPE.try_with(Clone::clone) {
            return Ok(app);
        }
        INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "no app is installed: build one and call `.install()`, or name one with `.app(&app)`",
            )
        })
    }

    /// Runs a future in which this is the current app: workers run every task in one.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        SCOPE.scope(self.clone(), future).await
    }
}
