//! Digests that bodies are signed over, and the padding that goes with them: PSS with the longest salt that fits.

use rsa::{Pss, sha2::Digest as _, traits::PublicKeyParts};

/// A digest, by Celery's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    pub(super) fn from_name(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => {
                return Err(format!(
                    "`security_digest`: there is no digest `{name}`: use `sha224`, `sha256`, `sha384` or `sha512`"
                ));
            }
        })
    }

    pub(super) fn of(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha224 => rsa::sha2::Sha224::digest(data).to_vec(),
            Self::Sha256 => rsa::sha2::Sha256::digest(data).to_vec(),
            Self::Sha384 => rsa::sha2::Sha384::digest(data).to_vec(),
            Self::Sha512 => rsa::sha2::Sha512::digest(data).to_vec(),
        }
    }

    /// The padding for a key; `None` when the key is too short for this digest.
    pub(super) fn padding(self, key: &impl PublicKeyParts) -> Option<Pss> {
        let encoded = (key.n().bits() - 1).div_ceil(8);
        let salt = encoded.checked_sub(self.length() + 2)?;
        Some(match self {
            Self::Sha224 => Pss::new_blinded_with_salt::<rsa::sha2::Sha224>(salt),
            Self::Sha256 => Pss::new_blinded_with_salt::<rsa::sha2::Sha256>(salt),
            Self::Sha384 => Pss::new_blinded_with_salt::<rsa::sha2::Sha384>(salt),
            Self::Sha512 => Pss::new_blinded_with_salt::<rsa::sha2::Sha512>(salt),
        })
    }

    fn length(self) -> usize {
        match self {
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}
