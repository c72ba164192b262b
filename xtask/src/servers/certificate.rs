//! A certificate authority of our own with a server certificate, valid for loopback, and a client certificate;
//! all of them for two days.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{apt, quiet};
use crate::workspace;

/// The files of a server that speaks TLS.
pub(crate) struct Certificate {
    /// The authority, which clients must trust.
    pub(crate) ca: PathBuf,
    /// The server's certificate.
    pub(crate) cert: PathBuf,
    /// The server's private key.
    pub(crate) key: PathBuf,
    /// A certificate that a client may show, signed by the same authority.
    pub(crate) client_cert: PathBuf,
    /// The client's private key.
    pub(crate) client_key: PathBuf,
}

/// All that openssl has to know; its own configuration differs between machines.
const CONFIG: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = set by -subj
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
";

/// Makes the certificates in `dir`.
pub(crate) fn make(dir: &Path) -> Result<Certificate> {
    if workspace::find("openssl").is_none() {
        apt::install("the openssl command", &["openssl"])?;
    }
    fs::write(dir.join("openssl.cnf"), CONFIG).context("could not write the configuration of openssl")?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
        dir,
        "req -x509 -config openssl.cnf -subj /CN=authority -extensions authority -days 2",
        &key,
        "-keyout ca.key -out ca.crt",
    )?;
    // Each with a name of its own: one that bears its issuer's name passes for self-signed with some servers.
    for name in ["server", "client"] {
        let request = format!("-keyout {name}.key -out {name}.csr");
        openssl(dir, &format!("req -new -config openssl.cnf -subj /CN={name}"), &key, &request)?;
        let sign = format!("x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2");
        let parts = format!("-out {name}.crt -extfile openssl.cnf -extensions {name}");
        openssl(dir, &sign, &[], &parts)?;
    }
    Ok(Certificate {
        ca: dir.join("ca.crt"),
        cert: dir.join("server.crt"),
        key: dir.join("server.key"),
        client_cert: dir.join("client.crt"),
        client_key: dir.join("client.key"),
    })
}

fn openssl(dir: &Path, first: &str, key: &[&str], last: &str) -> Result<()> {
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(first.split(' ')).args(key).args(last.split(' '));
    quiet(&mut command).map(drop)
}
