//! Who says who somebody is.

/// A provider of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Google, by OpenID Connect.
    Google,
    /// GitHub: the verified addresses of the account.
    Github,
    /// GitLab: the address, and the groups if they matter.
    Gitlab,
    /// Okta, by OpenID Connect.
    Okta,
    /// Any other provider of OpenID Connect.
    Oidc,
}

/// Reads a short name or Flower's class.
pub(super) fn read(text: &str) -> Result<Option<Provider>, String> {
    Ok(Some(match text {
        "" => return Ok(None),
        "google" | "flower.views.auth.GoogleAuth2LoginHandler" => Provider::Google,
        "github" | "flower.views.auth.GithubLoginHandler" => Provider::Github,
        "gitlab" | "flower.views.auth.GitLabLoginHandler" => Provider::Gitlab,
        "okta" | "flower.views.auth.OktaLoginHandler" => Provider::Okta,
        "oidc" => Provider::Oidc,
        _ => return Err(format!("`{text}` is none of google, github, gitlab, okta, oidc")),
    }))
}
