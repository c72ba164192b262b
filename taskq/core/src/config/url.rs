//! Addresses of brokers and backends. What is printed never holds a password.

use std::{borrow::Cow, fmt};

/// The text that stands for a secret, as kombu prints it.
const MASK: &str = "**";

/// Query parameters whose value is a secret when their name contains one of these.
const SECRET_WORDS: &[&str] = &["password", "passwd", "secret", "token", "key"];

/// The address of a broker or backend. `Display` and `Debug` redact; [`expose`](Self::expose) does not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// Takes an address. Aliases without `://`, such as `redis` or `rpc`, get one, as in Celery.
    ///
    /// # Errors
    /// When there is no scheme, or it has characters that none has.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let mut text = text.into().trim().to_owned();
        let bare =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
        if bare(&text) {
            text.push_str("://");
        }
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'));
        if valid {
            Ok(Self(text))
        } else {
            Err(format!("`{}` has no scheme such as `redis://`", redact(&text)))
        }
    }

    /// What stands before the first `:`, lower case: `redis`, `amqp`, `sqlite`, `db+sqlite`.
    pub fn scheme(&self) -> Cow<'_, str> {
        let scheme = self.0.split_once(':').map_or("", |(scheme, _)| scheme);
        if scheme.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(scheme.to_ascii_lowercase())
        } else {
            Cow::Borrowed(scheme)
        }
    }

    /// Everything after the scheme: `//host/0`, or `./taskq.db` of `sqlite:./taskq.db`.
    pub fn rest(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, rest)| rest)
    }

    /// The whole text with its password, for the driver only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// One address, or several to fail over to, written with `;` between them. Never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Urls(Vec<ServiceUrl>);

impl Urls {
    /// Reads addresses with `;` between them.
    ///
    /// # Errors
    /// When there is none, or one has no scheme.
    pub fn parse(text: &str) -> Result<Self, String> {
        let urls = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        Self::new(urls.map(ServiceUrl::new).collect::<Result<_, _>>()?)
    }

    /// Several addresses, the first one preferred.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(urls: Vec<ServiceUrl>) -> Result<Self, String> {
        if urls.is_empty() { Err("no address is given".to_owned()) } else { Ok(Self(urls)) }
    }

    /// An address that is known to be good, such as a default.
    pub(crate) fn constant(text: &'static str) -> Self {
        Self(vec![ServiceUrl(text.to_owned())])
    }

    /// The preferred address.
    pub fn first(&self) -> &ServiceUrl {
        &self.0[0]
    }

    /// The scheme of the preferred address.
    pub fn scheme(&self) -> Cow<'_, str> {
        self.first().scheme()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceUrl> {
        self.0.iter()
    }

    /// All of them as one text with passwords, for drivers that take a list.
    pub fn expose(&self) -> String {
        self.0.iter().map(ServiceUrl::expose).collect::<Vec<_>>().join(";")
    }
}

impl fmt::Display for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, url) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(";")?;
            }
            fmt::Display::fmt(url, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// An address (or several with `;`) without its passwords: the part between `user:` and the last `@`, and
/// query parameters that look like secrets, become `**`.
pub fn redact(text: &str) -> String {
    text.split(';').map(redact_one).collect::<Vec<_>>().join(";")
}

fn redact_one(url: &str) -> String {
    let (head, query) = match url.split_once('?') {
        Some((head, query)) => (head, Some(query)),
        None => (url, None),
    };
    let mut safe = redact_userinfo(head);
    if let Some(query) = query {
        safe.push('?');
        let parts: Vec<String> = query.split('&').map(redact_parameter).collect();
        safe.push_str(&parts.join("&"));
    }
    safe
}

/// The *last* `@` ends the user information: a password with an unescaped `/` or `@` is then masked whole,
/// at the price of masking too much of an address whose path holds an `@`.
fn redact_userinfo(head: &str) -> String {
    let start = head.find("://").map_or(0, |at| at + 3);
    let Some(end) = head.rfind('@').filter(|at| *at >= start) else { return head.to_owned() };
    let Some(colon) = head[start..end].find(':') else { return head.to_owned() };
    if start + colon + 1 == end {
        return head.to_owned(); // an empty password
    }
    format!("{}:{MASK}{}", &head[..start + colon], &head[end..])
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_secret_name(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    }
}

/// Whether something of that name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
        // Names of keys and files, not keys.
        && !name.ends_with("prefix")
        && !name.ends_with("file")
        && !name.starts_with("unacked_")
        && name != "task_default_routing_key"
        && name != "routing_key"
        && name != "security_key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_whatever_is_in_them() {
        for (url, safe) in [
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("redis://:s3cret@host/1", "redis://:**@host/1"),
            ("amqp://me:p@ss/w@rd@host:5672//", "amqp://me:**@host:5672//"),
            ("amqp://me@host//", "amqp://me@host//"),
            ("redis://u:a@h1;redis://u:b@h2", "redis://u:**@h1;redis://u:**@h2"),
            (
                "redis+socket:///run/r.sock?password=x&virtual_host=1",
                "redis+socket:///run/r.sock?password=**&virtual_host=1",
            ),
            ("rediss://h?ssl_keyfile=/k&global_keyprefix=p", "rediss://h?ssl_keyfile=/k&global_keyprefix=p"),
            ("sqlite:./taskq.db", "sqlite:./taskq.db"),
        ] {
            assert_eq!(redact(url), safe);
            assert_eq!(format!("{:?}", Urls::parse(url).unwrap()), format!("\"{safe}\""));
        }
    }

    #[test]
    fn lists_aliases_and_nonsense() {
        let urls = Urls::parse("sentinel://a:26379; sentinel://b:26379;").unwrap();
        assert_eq!(urls.iter().count(), 2);
        assert_eq!(urls.scheme(), "sentinel");
        assert_eq!(ServiceUrl::new("rpc").unwrap().expose(), "rpc://");
        assert_eq!(ServiceUrl::new("SQLite:a.db").unwrap().scheme(), "sqlite");
        assert_eq!(ServiceUrl::new("sqlite:a.db").unwrap().rest(), "a.db");
        assert!(Urls::parse(" ; ").is_err());
        assert!(ServiceUrl::new("/var/run:x").is_err());
        let error = ServiceUrl::new("//me:secret@host").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
