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
        let urls = urls.map(ServiceUrl::new).collect::<Result<_, _>>();
        Self::new(
            urls.map_err(|_| format!("`{}` is no address such as `redis://host:6379/0`", redact(text)))?,
        )
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
    let mut urls: Vec<String> = Vec::new();
    for part in text.split(';') {
        match urls.last_mut() {
            // What follows is no address of its own: the `;` may be in a password.
            Some(url) if !part.contains("://") => {
                url.push(';');
                url.push_str(part);
            }
            _ => urls.push(part.to_owned()),
        }
    }
    urls.iter().map(|url| redact_one(url)).collect::<Vec<_>>().join(";")
}

fn redact_one(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (login, rest) = match end_of_login(url, start) {
        Some(end) => url.split_at(end),
        None => url.split_at(start),
    };
    let mut safe = match login.get(start..).and_then(|login| login.find(':')) {
        Some(colon) if start + colon + 1 < login.len() => format!("{}:{MASK}", &login[..start + colon]),
        _ => login.to_owned(),
    };
    match rest.split_once('?') {
        Some((head, query)) => {
            let parts: Vec<String> = query.split('&').map(redact_parameter).collect();
            safe.push_str(&format!("{head}?{}", parts.join("&")));
        }
        None => safe.push_str(rest),
    }
    safe
}

/// Where the `@` stands that ends `user:password`. Passwords are often not escaped as they should be, so it is
/// the *last* one, at the price of masking too much of an address whose path holds an `@`. One in the query
/// counts only where it cannot be part of a parameter.
fn end_of_login(url: &str, start: usize) -> Option<usize> {
    let last = url.rfind('@').filter(|at| *at >= start)?;
    let Some(question) = url[start..].find('?').map(|at| at + start).filter(|at| *at < last) else {
        return Some(last);
    };
    let in_head = url[..question].rfind('@').filter(|at| *at >= start);
    let authority = url[start..question].split('/').next().unwrap_or_default();
    let parameter = url[question..last].rsplit(['&', '?']).next().unwrap_or_default();
    if (in_head.is_some() || is_host(authority)) && parameter.contains('=') { in_head } else { Some(last) }
}

/// `host`, `host:6379` or `[::1]:6379`.
fn is_host(authority: &str) -> bool {
    match authority.rsplit_once(':') {
        None => true,
        Some((host, port)) => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            digits && (!host.contains(':') || host.starts_with('['))
        }
    }
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
            ("redis://u:pa?ss@host/0", "redis://u:**@host/0"),
            ("redis://u:pa?x=1@host/0", "redis://u:**@host/0"),
            ("redis://u:a;b@host/0;redis://h2", "redis://u:**@host/0;redis://h2"),
            ("redis://u:p@b?c@host/0", "redis://u:**@host/0"),
            ("redis://host:6379/0?user=a@b", "redis://host:6379/0?user=a@b"),
            ("redis://u:p@host:6379/0?user=a@b&token=t", "redis://u:**@host:6379/0?user=a@b&token=**"),
        ] {
            assert_eq!(redact(url), safe);
            match Urls::parse(url) {
                Ok(urls) => assert_eq!(format!("{urls:?}"), format!("\"{safe}\"")),
                Err(error) => assert!(error.contains(safe), "{error}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        // No `=`: what has `?x=` in it cannot be told from an address with a query.
        fn no_password_survives(password in "[0-9A-Z/@?#:;&%+!*. -]{3,20}") {
            proptest::prop_assume!(!password.contains("://"));
            let safe = redact(&format!("redis://u:{password}@h/0"));
            proptest::prop_assert_eq!(safe, "redis://u:**@h/0");
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
