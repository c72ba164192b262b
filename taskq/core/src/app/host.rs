//! Who we are on the wire.

/// The machine's name; `localhost` when it has none that can be read.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// `gen<pid>@<host>`: the `origin` header of this process.
pub fn origin() -> String {
    format!("gen{}@{}", std::process::id(), hostname())
}
