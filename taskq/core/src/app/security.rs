//! Keys and certificates for `auth`, as the settings say.

use std::{fs, path::Path};

use crate::{
    Error, ErrorKind,
    codec::{Serializer, SignatureParts, Signatures},
    config::Settings,
};

/// Reads what `security_*` name and makes it that of the process. Nothing when nothing is named.
///
/// # Errors
/// When `auth` is used without keys, or they cannot be read.
pub(super) fn install(settings: &Settings) -> Result<(), Error> {
    let writes = [settings.task_serializer, settings.result_serializer].contains(&Serializer::Auth);
    let reads = |names: &[String]| {
        names.iter().any(|name| matches!(Serializer::from_name(name), Ok(Serializer::Auth)))
    };
    let reads =
        reads(&settings.accept_content) || settings.result_accept_content.as_deref().is_some_and(reads);
    let missing = |name: &str| {
        config(format!(
            "`auth` is used, but `{name}` is not set: it names {}",
            match name {
                "security_cert_store" => "the certificates of those whose messages are read",
                _ => "what messages are signed with",
            }
        ))
    };
    if writes && settings.security_key.is_none() {
        return Err(missing("security_key"));
    }
    if reads && settings.security_cert_store.is_none() {
        return Err(missing("security_cert_store"));
    }
    let (key, certificate) = (
        settings.security_key.as_deref().map(|path| read("security_key", path)).transpose()?,
        settings
            .security_certificate
            .as_deref()
            .map(|path| read("security_certificate", path))
            .transpose()?,
    );
    if key.is_none() && certificate.is_none() && settings.security_cert_store.is_none() {
        return Ok(());
    }
    let signatures = Signatures::open(SignatureParts {
        key: key.as_deref(),
        password: settings.security_key_password.as_deref(),
        certificate: certificate.as_deref(),
        store: settings.security_cert_store.as_deref(),
        digest: &settings.security_digest,
    });
    signatures.map_err(config)?.install();
    Ok(())
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| {
        Error::with_source(
            ErrorKind::Config,
            format!("`{setting}`: could not read `{}`", path.display()),
            error,
        )
    })
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
