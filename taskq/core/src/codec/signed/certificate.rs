//! An X.509 certificate of somebody who signs.

use rsa::{RsaPublicKey, pkcs8::DecodePublicKey};
use x509_parser::{pem::parse_x509_pem, prelude::X509Certificate};

use super::{digest::Digest, key::Key};

/// What a signature needs of a certificate.
#[derive(Debug)]
pub(super) struct Certificate {
    id: String,
    key: RsaPublicKey,
    /// Seconds since 1970.
    not_after: i64,
}

impl Certificate {
    /// Reads PEM.
    pub(super) fn read(pem: &[u8]) -> Result<Self, String> {
        let (_, pem) = parse_x509_pem(pem).map_err(|_| "no certificate as PEM")?;
        let certificate = pem.parse_x509().map_err(|_| "no X.509 certificate")?;
        let key = RsaPublicKey::from_public_key_der(certificate.public_key().raw)
            .map_err(|_| "the key of the certificate is no RSA key")?;
        Ok(Self { id: id(&certificate)?, key, not_after: certificate.validity().not_after.timestamp() })
    }

    #[cfg(test)]
    pub(super) fn for_tests(id: &str, key: RsaPublicKey, not_after: i64) -> Self {
        Self { id: id.to_owned(), key, not_after }
    }

    /// What names it on the wire: the values of the issuer's attributes and the serial number, with spaces.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_of(&self, key: &Key) -> bool {
        key.public() == self.key
    }

    pub(super) fn has_expired(&self) -> bool {
        jiff::Timestamp::now().as_second() >= self.not_after
    }

    pub(super) fn verify(&self, data: &[u8], signature: &[u8], digest: Digest) -> bool {
        let Some(padding) = digest.padding(&self.key) else { return false };
        self.key.verify(padding, &digest.of(data), signature).is_ok()
    }
}

fn id(certificate: &X509Certificate<'_>) -> Result<String, &'static str> {
    let mut id = String::new();
    for attribute in certificate.issuer().iter_attributes() {
        id.push_str(attribute.as_str().map_err(|_| "its issuer has an attribute that is no text")?);
        id.push(' ');
    }
    id.push_str(&certificate.tbs_certificate.serial.to_string());
    Ok(id)
}
