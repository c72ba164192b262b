//! The content types a process is willing to read.

use super::{CodecError, CodecErrorKind, Serializer};

const PICKLE: [&str; 2] = ["pickle", "application/x-python-serialize"];

/// The setting `accept_content`: formats that are read. Celery's default, and ours: `json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept(Vec<Serializer>);

impl Default for Accept {
    fn default() -> Self {
        Self(vec![Serializer::Json])
    }
}

impl Accept {
    /// Accepts every format there is.
    pub fn all() -> Self {
        Self(Serializer::ALL.into_iter().chain([Serializer::Auth]).collect())
    }

    /// Accepts the formats of these names or content types.
    ///
    /// # Errors
    /// [`Refused`](CodecErrorKind::Refused) for an unknown one, and for `pickle`: it runs code of the sender's
    /// choice, and nothing but Python could read it.
    pub fn from_names<I: IntoIterator<Item: AsRef<str>>>(names: I) -> Result<Self, CodecError> {
        let mut accepted = Vec::new();
        for name in names {
            let name = name.as_ref();
            if PICKLE.contains(&name) {
                return Err(refused(format!(
                    "`accept_content` names `{name}`: pickle is never read; remove it"
                )));
            }
            let serializer = Serializer::from_name(name)?;
            if !accepted.contains(&serializer) {
                accepted.push(serializer);
            }
        }
        Ok(Self(accepted))
    }

    /// The format of a message of this content type.
    ///
    /// # Errors
    /// [`Refused`](CodecErrorKind::Refused), saying what to set.
    pub fn check(&self, content_type: &str) -> Result<Serializer, CodecError> {
        match Serializer::ALL
            .into_iter()
            .chain([Serializer::Auth])
            .find(|serializer| serializer.content_type() == content_type)
        {
            Some(serializer) if self.0.contains(&serializer) => Ok(serializer),
            Some(serializer) => Err(refused(format!(
                "content type `{content_type}` is refused: add `{serializer}` to `accept_content`"
            ))),
            None if PICKLE.contains(&content_type) => Err(refused(format!(
                "content type `{content_type}` is refused: pickle is never read, whatever `accept_content` \
                     says; set `task_serializer` of the sender to `json`"
            ))),
            None => Err(refused(format!("content type `{content_type}` is unknown"))),
        }
    }

    /// The names of what is accepted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|serializer| serializer.name())
    }
}

fn refused(message: String) -> CodecError {
    CodecError::new(CodecErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_read() {
        let accept = Accept::from_names(["json", "application/x-msgpack"]).unwrap();
        assert_eq!(accept.check("application/json").unwrap(), Serializer::Json);
        assert_eq!(accept.check("application/x-msgpack").unwrap(), Serializer::Msgpack);
        let error = accept.check("application/x-yaml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "content type `application/x-yaml` is refused: add `yaml` to `accept_content`"
        );
        assert_eq!(error.kind(), CodecErrorKind::Refused);
        assert!(accept.check("text/plain").is_err());
    }

    #[test]
    fn pickle_is_refused_always() {
        assert!(Accept::from_names(["pickle"]).unwrap_err().to_string().contains("`accept_content`"));
        let error = Accept::all().check("application/x-python-serialize").unwrap_err();
        assert!(error.to_string().contains("pickle is never read"), "{error}");
    }
}
