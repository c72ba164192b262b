//! The private key that signs.

use std::fmt;

use rsa::{
    RsaPrivateKey, RsaPublicKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey, rand_core::OsRng,
};

use super::digest::Digest;

/// An RSA key.
pub(super) struct Key(RsaPrivateKey);

impl Key {
    /// Reads PEM: PKCS#8, with a password or without, or PKCS#1 without.
    pub(super) fn read(pem: &[u8], password: Option<&str>) -> Result<Self, String> {
        let text = std::str::from_utf8(pem).map_err(|_| "no PEM file")?.trim();
        let key = match (text.contains("BEGIN ENCRYPTED PRIVATE KEY"), password) {
            (true, Some(password)) => RsaPrivateKey::from_pkcs8_encrypted_pem(text, password)
                .map_err(|_| "could not be decrypted with `security_key_password`, or is no RSA key")?,
            (true, None) => return Err("is encrypted: set `security_key_password`".to_owned()),
            (false, _) if text.contains("BEGIN RSA PRIVATE KEY") => {
                RsaPrivateKey::from_pkcs1_pem(text).map_err(|_| "no RSA key that can be read")?
            }
            (false, _) => RsaPrivateKey::from_pkcs8_pem(text).map_err(|_| "no private RSA key as PEM")?,
        };
        Ok(Self(key))
    }

    pub(super) fn public(&self) -> RsaPublicKey {
        self.0.to_public_key()
    }

    pub(super) fn sign(&self, data: &[u8], digest: Digest) -> Result<Vec<u8>, String> {
        let padding = digest.padding(&self.0).ok_or("`security_key` is too short for `security_digest`")?;
        self.0
            .sign_with_rng(&mut OsRng, padding, &digest.of(data))
            .map_err(|error| format!("could not sign a message: {error}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(**)")
    }
}
