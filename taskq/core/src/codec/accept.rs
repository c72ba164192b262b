//! Which content types are decoded.

use super::{CodecError, CodecErrorKind, Serializer, serializer::pickle};

/// The content types a process decodes. Celery: `accept_content`, default json only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept(Vec<Serializer>);

impl Default for Accept {
    fn default() -> Self {
        Self(vec![Serializer::Json])
    }
}

impl Accept {
    /// From names (`json`) or content types (`application/json`). `pickle` in the list is let through here, so
    /// that Celery's configuration files load; reading one is refused all the same.
    ///
    /// # Errors
    /// Names what is not known.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, CodecError> {
        let mut accepted = Vec::new();
        for name in names {
            match name.as_ref() {
                "pickle" | "application/x-python-serialize" => {}
                other => accepted.push(Serializer::from_name(other)?),
            }
        }
        Ok(Self(accepted))
    }

    /// The format of an accepted content type.
    ///
    /// # Errors
    /// Refused, with the setting that would accept it.
    pub fn check(&self, content_type: &str) -> Result<Serializer, CodecError> {
        let refused = || {
            let known: Vec<_> = self.0.iter().map(|serializer| serializer.name()).collect();
            CodecError::new(
                CodecErrorKind::Refused,
                format!(
                    "content type `{content_type}` is refused: `accept_content` has {}",
                    known.join(", ")
                ),
            )
        };
        let serializer = match content_type {
            "application/json" => Serializer::Json,
            "application/x-msgpack" => Serializer::Msgpack,
            "application/x-yaml" => Serializer::Yaml,
            "application/x-python-serialize" => return Err(pickle()),
            _ => return Err(refused()),
        };
        if self.0.contains(&serializer) { Ok(serializer) } else { Err(refused()) }
    }
}
