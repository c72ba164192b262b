//! Parts of the board that have rules of their own.

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// For machines that ask how the board is: never asked who they are.
    Open,
    /// Logging in and out.
    Login,
    /// What programs and the pages call.
    Api,
    /// What people see.
    Page,
}

impl Area {
    /// The part a path is in.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/metrics" | "/healthcheck" | "/healthz" | "/readyz" => Self::Open,
            "/login" | "/logout" => Self::Login,
            _ if path == "/api" || path.starts_with("/api/") => Self::Api,
            _ => Self::Page,
        }
    }
}
