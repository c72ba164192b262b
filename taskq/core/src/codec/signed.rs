//! Signed bodies: Celery's serializer `auth`, content type `application/data`.
//!
//! Kept true here: nothing of a signed body is decoded before its signature is proven; the signer must be one of
//! the trusted certificates, and that one must not have expired; what is inside is in a format that carries
//! data only.
//!
//! The body is signed, the headers are not, as in Celery: whoever can write to the broker cannot make up
//! arguments, but can send a signed body again, or under the name of another task.

mod certificate;
mod digest;
mod key;
mod store;

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;

use self::{certificate::Certificate, digest::Digest, key::Key, store::Store};
use super::{CodecError, CodecErrorKind, Serializer};

/// What stands between the five parts. Neither base64 nor a content type holds it.
const SEPARATOR: &[u8] = b"\x00\x01";

/// Those that this process reads and writes with: one identity a process, as in Celery.
static INSTALLED: RwLock<Option<Arc<Signatures>>> = RwLock::new(None);

/// Where keys and certificates come from. Celery: `app.setup_security()`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignatureParts<'a> {
    /// The private key, PEM. Celery: `security_key`.
    pub key: Option<&'a [u8]>,
    /// Its password. Celery: `security_key_password`.
    pub password: Option<&'a str>,
    /// The certificate of that key, PEM. Celery: `security_certificate`.
    pub certificate: Option<&'a [u8]>,
    /// Certificates that are trusted: a folder, or a path whose last part may be a pattern.
    /// Celery: `security_cert_store`.
    pub store: Option<&'a str>,
    /// Name of the digest. Celery: `security_digest`.
    pub digest: &'a str,
}

/// Signs bodies with one key, and proves those of trusted certificates.
#[derive(Debug)]
pub struct Signatures {
    signer: Option<Signer>,
    store: Option<Store>,
    digest: Digest,
}

/// Who signs.
#[derive(Debug)]
struct Signer {
    key: Key,
    /// The name of its certificate in the stores of those who read.
    id: String,
}

impl Signatures {
    /// Reads keys and certificates. A process that only reads needs no key.
    ///
    /// # Errors
    /// One line that names what is wrong: a key or certificate that cannot be read or is not RSA, a certificate of
    /// another key, one in the store that has expired or is there twice, or an unknown digest.
    pub fn open(parts: SignatureParts<'_>) -> Result<Self, String> {
        let digest = Digest::from_name(parts.digest)?;
        let signer = match (parts.key, parts.certificate) {
            (None, None) => None,
            (Some(key), Some(certificate)) => {
                let key =
                    Key::read(key, parts.password).map_err(|error| format!("`security_key`: {error}"))?;
                let certificate = Certificate::read(certificate)
                    .map_err(|error| format!("`security_certificate`: {error}"))?;
                if !certificate.is_of(&key) {
                    return Err("`security_certificate` is not the certificate of `security_key`".to_owned());
                }
                Some(Signer { key, id: certificate.id().to_owned() })
            }
            (Some(_), None) => return Err("`security_key` is set, `security_certificate` is not".to_owned()),
            (None, Some(_)) => return Err("`security_certificate` is set, `security_key` is not".to_owned()),
        };
        let store = parts.store.map(Store::open).transpose();
        let store = store.map_err(|error| format!("`security_cert_store`: {error}"))?;
        Ok(Self { signer, store, digest })
    }

    /// Makes them those of the process: [`Serializer::Auth`] signs and proves with them.
    pub fn install(self) {
        *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(self));
    }

    fn seal(&self, inner: &[u8], format: Serializer) -> Result<Bytes, CodecError> {
        let signer = self.signer.as_ref().ok_or_else(|| {
            wrong("could not sign a message: set `security_key` and `security_certificate`")
        })?;
        let signature = signer.key.sign(inner, self.digest).map_err(wrong)?;
        let (id, signature) = (BASE64.encode(&signer.id), BASE64.encode(signature));
        let parts = [
            id.as_bytes(),
            signature.as_bytes(),
            format.content_type().as_bytes(),
            format.content_encoding().as_bytes(),
            inner,
        ];
        Ok(BASE64.encode(parts.join(SEPARATOR)).into())
    }

    fn unseal(&self, body: &[u8]) -> Result<(Serializer, Bytes), CodecError> {
        let store = self
            .store
            .as_ref()
            .ok_or_else(|| wrong("signatures are not read here: set `security_cert_store`"))?;
        let no_envelope = || wrong("not a signed message");
        let parts = BASE64.decode(body.trim_ascii()).map_err(|_| no_envelope())?;
        let (id, rest) = split(&parts).ok_or_else(no_envelope)?;
        let (signature, rest) = split(rest).ok_or_else(no_envelope)?;
        let (content_type, rest) = split(rest).ok_or_else(no_envelope)?;
        let (_, inner) = split(rest).ok_or_else(no_envelope)?;
        let id = BASE64.decode(id).ok().and_then(|id| String::from_utf8(id).ok()).ok_or_else(no_envelope)?;
        let signature = BASE64.decode(signature).map_err(|_| no_envelope())?;
        let certificate = store
            .get(&id)
            .ok_or_else(|| wrong(format!("the signer `{id}` is not in `security_cert_store`")))?;
        if certificate.has_expired() {
            return Err(wrong(format!("the certificate of the signer `{id}` has expired")));
        }
        if !certificate.verify(inner, &signature, self.digest) {
            return Err(wrong(format!(
                "the signature is not the one of `{id}` under this body: it was changed, or signed with another \
                 key or another `security_digest`"
            )));
        }
        // Not signed, but all that it chooses is how plain data is read.
        let content_type = std::str::from_utf8(content_type).map_err(|_| no_envelope())?;
        let format = Serializer::from_name(content_type)?;
        if format == Serializer::Auth {
            return Err(wrong("a signed message within a signed message"));
        }
        Ok((format, Bytes::copy_from_slice(inner)))
    }
}

/// Signs what is written in this format.
pub(crate) fn seal(inner: &[u8], format: Serializer) -> Result<Bytes, CodecError> {
    current()?.seal(inner, format)
}

/// What was signed, and its format.
pub(crate) fn unseal(body: &[u8]) -> Result<(Serializer, Bytes), CodecError> {
    current()?.unseal(body)
}

fn current() -> Result<Arc<Signatures>, CodecError> {
    let missing =
        || wrong("`auth` needs keys: set `security_key`, `security_certificate` and `security_cert_store`");
    INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(missing)
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memmem::find(bytes, SEPARATOR)?;
    Some((&bytes[..at], &bytes[at + SEPARATOR.len()..]))
}

fn wrong(message: impl Into<String>) -> CodecError {
    CodecError::new(CodecErrorKind::Signature, message)
}

#[cfg(test)]
mod tests;
