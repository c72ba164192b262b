//! How the sentinels are asked for their master, by kombu's names.

use secrecy::SecretString;
use taskq_core::codec::Value;

use crate::tls::TlsOptions;

/// Options for `sentinel://`. The password in the address is the *server's*; the sentinels have their own.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SentinelOptions {
    /// Name of the master; needed. kombu: `master_name`.
    pub master_name: Option<String>,
    /// User at the sentinels. kombu: `sentinel_kwargs` `username`.
    pub username: Option<String>,
    /// Password at the sentinels. kombu: `sentinel_kwargs` `password`.
    pub password: Option<SecretString>,
    /// TLS to the sentinels. kombu: `sentinel_kwargs` `ssl`, `ssl_ca_certs`, ….
    pub tls: TlsOptions,
}

impl SentinelOptions {
    /// Reads kombu's `sentinel_kwargs`: arguments of redis-py for the connections to sentinels.
    ///
    /// # Errors
    /// What is wrong with a name or a value.
    pub(crate) fn set_kwargs(&mut self, kwargs: &Value) -> Result<(), String> {
        if kwargs.is_null() {
            return Ok(());
        }
        let kwargs = kwargs.as_map().ok_or("must be a table")?;
        for (name, value) in kwargs {
            let text = || value.as_str().map(str::to_owned).ok_or(format!("`{name}` must be a text"));
            match name.as_str() {
                _ if value.is_null() && name != "ssl_cert_reqs" => {}
                "username" => self.username = Some(text()?),
                "password" => self.password = Some(text()?.into()),
                "ssl" => self.tls.on = value.as_bool().ok_or("`ssl` must be true or false")?,
                // Deadlines are those of the broker's own connections.
                _ if name.starts_with("socket_") => {}
                _ if name.starts_with("ssl_") => self.tls.set(name, value)?,
                _ => {
                    return Err(format!(
                        "`{name}` is not known; there are `username`, `password`, `ssl`, `{}`",
                        TlsOptions::NAMES.join("`, `")
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(kwargs: &[(&str, Value)]) -> Result<SentinelOptions, String> {
        let mut options = SentinelOptions::default();
        let map = kwargs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        options.set_kwargs(&Value::Map(map)).map(|()| options)
    }

    #[test]
    fn the_password_is_read_and_not_shown() {
        let options = read(&[("password", "hunter2".into()), ("ssl", Value::Bool(true))]).unwrap();
        assert_eq!(options.password.as_ref().unwrap().expose_secret(), "hunter2");
        assert!(options.tls.on);
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn an_unknown_argument_is_refused() {
        let error = read(&[("pasword", "x".into())]).unwrap_err();
        assert!(error.contains("`pasword`") && error.contains("`password`"), "{error}");
        assert!(read(&[("socket_timeout", Value::Int(1))]).is_ok());
    }
}
