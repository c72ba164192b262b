//! What the options are together: contradictions, and whether a board would be open to strangers.

use std::net::IpAddr;

use taskq_core::{Error, ErrorKind};

use super::{Anonymous, Options, Provider};

/// What those may do who are not asked who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Everybody is asked.
    Authenticated,
    /// Nobody is, and only this machine reaches it.
    Local,
    /// Nobody is, and it was said what they may do.
    Open(Anonymous),
}

impl Options {
    /// Who reaches this board, and as whom.
    pub fn exposure(&self) -> Exposure {
        match self.allow_unauthenticated {
            _ if self.authenticates() => Exposure::Authenticated,
            Some(anonymous) => Exposure::Open(anonymous),
            None => Exposure::Local,
        }
    }

    /// # Errors
    /// When options contradict each other or the board would be open to strangers unasked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::new(ErrorKind::Config, text.to_owned()));
        if self.certfile.is_some() != self.keyfile.is_some() {
            return refuse("`certfile` and `keyfile` come together");
        }
        if self.ca_certs.is_some() && self.certfile.is_none() {
            return refuse("`ca_certs` needs `certfile` and `keyfile`");
        }
        if let Some(provider) = self.auth_provider {
            if self.auth.is_empty() {
                return refuse("`auth_provider` needs `auth`: who may log in");
            }
            if self.oauth2_key.is_none() || self.oauth2_secret.is_none() || self.oauth2_redirect_uri.is_none()
            {
                return refuse(
                    "`auth_provider` needs `oauth2_key`, `oauth2_secret` and `oauth2_redirect_uri`",
                );
            }
            if provider == Provider::Oidc && self.oidc_issuer.is_none() {
                return refuse("`auth_provider=oidc` needs `oidc_issuer`");
            }
            if provider == Provider::Okta && self.oauth2_okta_base_url.is_none() {
                return refuse("`auth_provider=okta` needs `oauth2_okta_base_url`");
            }
        } else if !self.auth.is_empty() {
            return refuse("`auth` needs `auth_provider`: who says who somebody is");
        }
        if self.proxy_header.is_some() && self.proxy_from.is_empty() {
            return refuse("`proxy_header` needs `proxy_from`: who is believed that header");
        }
        if self.exposure() == Exposure::Local && !self.only_local() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "the board would be open to everybody who reaches `{}`: set up authentication \
                     (`--basic-auth=@FILE`, `--auth-provider`), or say `--allow-unauthenticated=read-only` \
                     (or `full`)",
                    self.address
                ),
            ));
        }
        Ok(())
    }

    /// Whether only this machine reaches it.
    fn only_local(&self) -> bool {
        let host = self.address.trim_matches(['[', ']']);
        self.unix_socket.is_some()
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sources;

    #[test]
    fn a_board_that_others_reach_without_authentication_does_not_start_unless_told() {
        for open in ["0.0.0.0", "", "::", "192.0.2.1", "board.example"] {
            let said = Sources::new().flag("address", open).load().unwrap_err().to_string();
            assert!(said.contains("allow-unauthenticated"), "{said}");
            let with = |name, text| Sources::new().flag("address", open).flag(name, text).load();
            with("allow_unauthenticated", "read-only").unwrap();
            with("basic_auth", "a:b").unwrap();
        }
        for local in ["127.0.0.1", "localhost", "::1", "127.1.2.3"] {
            Sources::new().flag("address", local).load().unwrap();
        }
        Sources::new().flag("address", "").flag("unix_socket", "/tmp/board").load().unwrap();
    }

    #[test]
    fn half_a_login_is_refused() {
        for (name, text) in [
            ("auth", "a@x.org"),
            ("auth_provider", "github"),
            ("certfile", "c"),
            ("ca_certs", "c"),
            ("proxy_header", "x-user"),
        ] {
            assert!(Sources::new().flag(name, text).load().is_err(), "{name}");
        }
    }
}
