//! TLS in front of a server that speaks none, with a certificate of `tests/fixtures/tls`: whatever a server's
//! certificate may be, without a server for each.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// A port that speaks TLS and hands on what it is told. It ends with the test.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    _runtime: Runtime,
}

impl TlsFront {
    /// In front of a port of this machine, with the certificate of this name: `right`, `expired`, `elsewhere` (of
    /// another host), `foreign` (of another authority).
    ///
    /// # Panics
    /// If there is no such certificate, or no free port.
    #[must_use]
    pub fn start(certificate: &str, port: u16) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(certificate)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("could not start a runtime: {error}"));
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.unwrap_or_else(|error| panic!("could not listen: {error}"));
        let own = listener.local_addr().map_or(0, |address| address.port());
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that refuses the certificate ends it here.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await
                    else {
                        return;
                    };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port: own, _runtime: runtime }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that the certificates are of, but for `foreign`.
    #[must_use]
    pub fn authority() -> PathBuf {
        file("authority.crt")
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls")).join(name)
}

fn config(name: &str) -> ServerConfig {
    let wrong =
        |error: &dyn std::fmt::Display| -> ! { panic!("could not use the certificate `{name}`: {error}") };
    let certificate = CertificateDer::from_pem_file(file(&format!("{name}.crt")));
    let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key")));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| wrong(&error))
        .with_no_client_auth();
    let certificate = certificate.unwrap_or_else(|error| wrong(&error));
    let key = key.unwrap_or_else(|error| wrong(&error));
    config.with_single_cert(vec![certificate], key).unwrap_or_else(|error| wrong(&error))
}
