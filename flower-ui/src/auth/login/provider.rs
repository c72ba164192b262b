//! The providers: where they are, and how each says which addresses somebody has.

use serde_json::Value;

use super::oidc;
use crate::{Options, options::Provider, server::Shared, web::Web};
use secrecy::ExposeSecret;

/// Where a provider is.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    /// Where browsers go.
    pub(super) authorize: String,
    /// Where the code becomes a token.
    token: String,
    /// Where the token says who somebody is.
    user: String,
    /// Who signs, with OpenID Connect.
    issuer: String,
}

/// Whether it speaks OpenID Connect.
pub(super) fn is_oidc(provider: Provider) -> bool {
    matches!(provider, Provider::Google | Provider::Okta | Provider::Oidc)
}

/// What is asked of it.
pub(super) fn scope(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "user:email",
        Provider::Gitlab => "read_api",
        Provider::Google | Provider::Okta | Provider::Oidc => "openid email",
    }
}

impl Endpoints {
    /// Finds them: some are known, others are asked.
    ///
    /// # Errors
    /// When the provider does not say, or says what cannot be.
    pub(super) async fn find(web: &Web, provider: Provider, options: &Options) -> Result<Self, String> {
        let none = String::new();
        match provider {
            Provider::Github => {
                let host = &options.github_oauth_domain;
                let api = match host.as_str() {
                    "github.com" => "https://api.github.com".to_owned(),
                    host => format!("https://{host}/api/v3"),
                };
                Ok(Self {
                    authorize: format!("https://{host}/login/oauth/authorize"),
                    token: format!("https://{host}/login/oauth/access_token"),
                    user: format!("{api}/user/emails"),
                    issuer: none,
                })
            }
            Provider::Gitlab => {
                let host = &options.gitlab_oauth_domain;
                Ok(Self {
                    authorize: format!("https://{host}/oauth/authorize"),
                    token: format!("https://{host}/oauth/token"),
                    user: format!("https://{host}/api/v4"),
                    issuer: none,
                })
            }
            Provider::Google => Self::discover(web, "https://accounts.google.com").await,
            Provider::Okta => {
                // Flower's variable ends where the endpoints begin: `https://x.okta.com/oauth2`.
                let base = options.oauth2_okta_base_url.as_deref().unwrap_or_default();
                Self::discover(web, base.trim_end_matches('/').trim_end_matches("/v1")).await
            }
            Provider::Oidc => Self::discover(web, options.oidc_issuer.as_deref().unwrap_or_default()).await,
        }
    }

    async fn discover(web: &Web, issuer: &str) -> Result<Self, String> {
        let issuer = issuer.trim_end_matches('/');
        oidc::is_safe(issuer)?;
        let told = web.get(format!("{issuer}/.well-known/openid-configuration"), None).await?;
        let text = |name: &str| {
            let url = told[name].as_str().ok_or_else(|| format!("it does not say its `{name}`"))?.to_owned();
            oidc::is_safe(&url).map(|()| url)
        };
        let issuer = text("issuer")?;
        Ok(Self {
            authorize: text("authorization_endpoint")?,
            token: text("token_endpoint")?,
            user: text("userinfo_endpoint")?,
            issuer,
        })
    }
}

/// The addresses that somebody has and the provider has checked.
///
/// # Errors
/// When the provider does not answer as it should.
pub(super) async fn emails(
    shared: &Shared,
    provider: Provider,
    endpoints: &Endpoints,
    code: &str,
    verifier: &str,
    nonce: &str,
) -> Result<Vec<String>, String> {
    let (options, web) = (&shared.options, &shared.auth.web);
    let client = options.oauth2_key.clone().unwrap_or_default();
    let secret = options.oauth2_secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", options.oauth2_redirect_uri.clone().unwrap_or_default()),
        ("client_id", client.clone()),
        ("client_secret", secret.unwrap_or_default()),
    ];
    if is_oidc(provider) {
        form.push(("code_verifier", verifier.to_owned()));
    }
    let granted = web.post(endpoints.token.clone(), form).await?;
    let token = granted["access_token"].as_str().ok_or("it granted no token")?.to_owned();
    match provider {
        Provider::Github => {
            let told = web.get(endpoints.user.clone(), Some(token)).await?;
            let checked = told.as_array().into_iter().flatten().filter(|email| email["verified"] == true);
            Ok(checked.filter_map(|email| email["email"].as_str().map(str::to_owned)).collect())
        }
        Provider::Gitlab => of_gitlab(shared, endpoints, token).await,
        Provider::Google | Provider::Okta | Provider::Oidc => {
            let id_token = granted["id_token"].as_str().ok_or("it gave no ID token")?;
            let now = shared.app.clock().now().as_second();
            let claims = oidc::claims(id_token, &endpoints.issuer, &client, nonce, now)?;
            if let Some(email) = oidc::email(&claims) {
                return Ok(vec![email]);
            }
            let told = web.get(endpoints.user.clone(), Some(token)).await?;
            if told["sub"] != claims["sub"] {
                return Err("it answered for somebody else".to_owned());
            }
            Ok(oidc::email(&told).into_iter().collect())
        }
    }
}

async fn of_gitlab(shared: &Shared, endpoints: &Endpoints, token: String) -> Result<Vec<String>, String> {
    let (options, web) = (&shared.options, &shared.auth.web);
    let user = web.get(format!("{}/user", endpoints.user), Some(token.clone())).await?;
    let email = user["email"].as_str().filter(|_| !user["confirmed_at"].is_null()).map(str::to_owned);
    let wanted = &options.gitlab_auth_allowed_groups;
    if !wanted.is_empty() {
        let level = options.gitlab_min_access_level;
        let url = format!("{}/groups?min_access_level={level}&per_page=100", endpoints.user);
        let groups = web.get(url, Some(token)).await?;
        let is_wanted = |group: &Value| {
            group["full_path"].as_str().is_some_and(|path| wanted.iter().any(|one| one == path))
        };
        if !groups.as_array().into_iter().flatten().any(is_wanted) {
            return Err("none of their groups may log in".to_owned());
        }
    }
    Ok(email.into_iter().collect())
}
