//! TLS: whom we trust and who we are, by Celery's names.
//!
//! Kept true here: certificates are verified unless it was said in so many words that they are not.

use std::path::PathBuf;

use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates, TlsMode};
use taskq_core::codec::Value;

/// TLS of the connections to one kind of server. Celery: `broker_use_ssl`, `redis_backend_use_ssl`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Speak TLS although the address does not say so; `rediss://` always does. Default false.
    pub on: bool,
    /// PEM file of the authorities to trust. Default: those of the system. Celery: `ssl_ca_certs`.
    pub ca_certs: Option<PathBuf>,
    /// PEM file of our own certificate. Celery: `ssl_certfile`.
    pub certfile: Option<PathBuf>,
    /// PEM file of its key. Celery: `ssl_keyfile`.
    pub keyfile: Option<PathBuf>,
    /// Whether the server's certificate is verified at all. Default true. Celery: `ssl_cert_reqs`.
    pub verify: bool,
    /// Whether it must be for the host that is connected to. Default true. redis-py: `ssl_check_hostname`.
    pub check_hostname: bool,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { on: false, ca_certs: None, certfile: None, keyfile: None, verify: true, check_hostname: true }
    }
}

impl TlsOptions {
    /// The names that [`set`](Self::set) knows.
    pub const NAMES: [&str; 5] =
        ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"];

    /// Sets one option by Celery's name.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let path = || match value {
            Value::Null => Ok(None),
            _ => value.as_str().map(|path| Some(path.into())).ok_or(format!("`{name}` must be a path")),
        };
        match name {
            "ssl_ca_certs" => self.ca_certs = path()?,
            "ssl_certfile" => self.certfile = path()?,
            "ssl_keyfile" => self.keyfile = path()?,
            "ssl_cert_reqs" => self.verify = verified(value)?,
            "ssl_check_hostname" => {
                self.check_hostname = match value.as_str().map(str::to_ascii_lowercase).as_deref() {
                    Some("true" | "1" | "yes") => true,
                    Some("false" | "0" | "no") => false,
                    _ => value.as_bool().ok_or("`ssl_check_hostname` must be true or false")?,
                }
            }
            _ => return Err(format!("`{name}` is not known; there are `{}`", Self::NAMES.join("`, `"))),
        }
        Ok(())
    }

    /// The files as they are needed to connect; `None` without any.
    pub(crate) fn certificates(&self) -> Result<Option<TlsCertificates>, String> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| format!("could not read `{}`: {error}", path.display()))
        };
        let root_cert = self.ca_certs.as_ref().map(read).transpose()?;
        let client_tls = match (&self.certfile, &self.keyfile) {
            (Some(cert), Some(key)) => {
                Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
            }
            (None, None) => None,
            _ => return Err("`ssl_certfile` and `ssl_keyfile` belong together".to_owned()),
        };
        Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
    }

    pub(crate) fn mode(&self) -> TlsMode {
        if self.verify { TlsMode::Secure } else { TlsMode::Insecure }
    }

    /// The address with TLS, if it or [`on`](Self::on) asks for it.
    pub(crate) fn address(&self, addr: &ConnectionAddr) -> ConnectionAddr {
        match addr {
            ConnectionAddr::TcpTls { host, port, .. } => self.secured(host, *port),
            ConnectionAddr::Tcp(host, port) if self.on => self.secured(host, *port),
            other => other.clone(),
        }
    }

    fn secured(&self, host: &str, port: u16) -> ConnectionAddr {
        ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: !self.verify, tls_params: None }
    }

    /// A client for one server.
    pub(crate) fn client(&self, info: ConnectionInfo) -> Result<Client, String> {
        let addr = self.address(info.addr());
        let encrypted = matches!(addr, ConnectionAddr::TcpTls { .. });
        let info = info.set_addr(addr);
        let client = match self.certificates()?.filter(|_| encrypted) {
            Some(files) => Client::build_with_tls(info, files),
            None => Client::open(info),
        };
        let client = client.map_err(|error| error.to_string())?;
        if !encrypted || !self.verify || self.check_hostname {
            return Ok(client);
        }
        let info = client.get_connection_info().clone();
        let mut addr = info.addr().clone();
        addr.set_danger_accept_invalid_hostnames(true);
        Client::open(info.set_addr(addr)).map_err(|error| error.to_string())
    }
}

/// `required`, `CERT_REQUIRED` or Python's number for it; `optional` is the same for a client.
fn verified(reqs: &Value) -> Result<bool, String> {
    let name = reqs.as_str().map(str::to_ascii_lowercase);
    match (reqs, name.as_deref().map(|name| name.trim_start_matches("cert_"))) {
        (Value::Null | Value::Int(0), _) | (_, Some("none")) => Ok(false),
        (Value::Int(1 | 2), _) | (_, Some("required" | "optional")) => Ok(true),
        _ => Err("`ssl_cert_reqs` must be `required`, `optional` or `none`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_verified_unless_none_is_said() {
        let mut options = TlsOptions::default();
        for (reqs, verify) in [
            ("none", false),
            ("required", true),
            ("CERT_NONE", false),
            ("optional", true),
            ("CERT_REQUIRED", true),
        ] {
            options.set("ssl_cert_reqs", &Value::from(reqs)).unwrap();
            assert_eq!(options.verify, verify, "{reqs}");
        }
        options.set("ssl_cert_reqs", &Value::Int(0)).unwrap();
        assert!(!options.verify);
        let error = options.set("ssl_cert_reqs", &Value::from("nothing")).unwrap_err();
        assert!(error.contains("`optional` or `none`"), "{error}");
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let options = TlsOptions { certfile: Some("/c.pem".into()), ..TlsOptions::default() };
        assert!(options.certificates().is_err());
    }

    #[test]
    fn an_address_without_tls_gets_it_when_it_is_on() {
        let plain = ConnectionAddr::Tcp("h".into(), 1);
        assert_eq!(TlsOptions::default().address(&plain), plain);
        let on = TlsOptions { on: true, verify: false, ..TlsOptions::default() };
        assert!(matches!(on.address(&plain), ConnectionAddr::TcpTls { insecure: true, .. }));
    }
}
