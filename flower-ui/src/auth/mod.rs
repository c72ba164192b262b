//! Who may do what.
//!
//! Kept true here: nobody acts who was not asked who he is, unless the options say so; nobody does what was not
//! granted; no other site acts in the name of somebody who is logged in; passwords and tokens are compared in
//! constant time.

mod area;
mod basic;
mod caller;
mod host;
mod ledger;
pub(crate) mod login;
mod origin;
mod permission;
mod proxy;
mod reach;
mod reload;
mod rights;
mod session;
mod sight;
mod token;
mod tokens;
mod users;

use std::sync::{Arc, RwLock};

use axum::{
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::AUTHORIZATION,
        header::{SET_COOKIE, WWW_AUTHENTICATE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde_json::Value as Json;
use taskq_core::{Error, ErrorKind};

pub(crate) use self::{
    area::Area,
    caller::Caller,
    permission::Permission,
    reload::keep_reading,
    rights::{Rights, Target},
    sight::Sight,
};
pub use self::{
    basic::hash_password,
    permission::Role,
    tokens::{NewToken, Tokens},
};
use self::{caller::read_only, ledger::Ledger, reload::People, session::Sessions, token::Keys};
use crate::{
    Options,
    options::{Anonymous, EmailPattern, Exposure},
    server::{Peer, Refusal, Shared},
    web::Web,
};

/// The token of the page that asks, if it has one.
pub(crate) fn page_token(headers: &HeaderMap) -> Option<&str> {
    token::cookie(headers, token::COOKIE)
}

/// How callers are told apart.
#[derive(Debug)]
pub(crate) struct Auth {
    people: RwLock<Arc<People>>,
    keys: Keys,
    sessions: Arc<Sessions>,
    tokens: Tokens,
    /// Whether tokens and sessions end with the process.
    forgets: bool,
    /// Who may log in by a provider.
    emails: EmailPattern,
    /// Asks other servers.
    pub(crate) web: Web,
}

/// Where the board's own API is.
const OWN_API: &str = "/api/v1/";

/// What is answered instead.
type Refused = Box<Response>;

impl Auth {
    /// # Errors
    /// When there is no randomness, a password or the file of users cannot be used, or nobody could log in.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let config = |why: String| Error::new(ErrorKind::Config, why);
        let emails = EmailPattern::read(&options.auth).map_err(config)?;
        let people = People::read(options)?;
        let ledger = Arc::new(Ledger::open(options.store_path().as_deref())?);
        Ok(Self {
            people: RwLock::new(Arc::new(people)),
            keys: Keys::new(options)?,
            sessions: Arc::new(Sessions::new(Arc::clone(&ledger))),
            forgets: ledger.is_memory(),
            tokens: Tokens::new(ledger),
            emails,
            web: Web::new(),
        })
    }

    /// Lets a request pass, and tells who calls.
    pub(crate) async fn admit(&self, shared: &Shared, request: &Parts) -> Result<Caller, Refused> {
        let options = &shared.options;
        let path = request.uri.path();
        let area = Area::of(path);
        if area == Area::Open {
            return Ok(Caller::default());
        }
        let unsafe_method = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut caller = if let Some(token) = token::bearer(&request.headers) {
            self.by_token(shared, token)?
        } else if options.authenticates() {
            if unsafe_method {
                origin::same_site(&request.headers)?;
                self.token_of_session(request, options)?;
            }
            self.asked(shared, area, request).await?
        } else {
            self.not_asked(shared, area, unsafe_method, request)?
        };
        caller.read_only |= options.read_only;
        caller.from = from(options, request);
        // The board's own API asks for permissions; some of its POSTs only look.
        if unsafe_method && caller.read_only && area == Area::Api && !path.starts_with(OWN_API) {
            return Err(refused(read_only()));
        }
        if is_data(path) {
            caller.require(Permission::View).map_err(refused)?;
        }
        Ok(caller)
    }

    /// Gives a page that has none the token by which it shows that it is ours.
    pub(crate) fn give_token(&self, asked: &HeaderMap, options: &Options, response: &mut Response) {
        let has = token::cookie(asked, token::COOKIE).is_some_and(|token| self.keys.is_ours(token));
        if has || !(response.status().is_success() || response.status() == StatusCode::NOT_FOUND) {
            return;
        }
        let cookie = format!(
            "{}={}; Path={}/; SameSite=Strict{}",
            token::COOKIE,
            self.keys.page_token(),
            options.url_prefix,
            secure(options, asked)
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }

    /// A cookie that no script reads, for so many seconds.
    fn cookie(options: &Options, asked: &HeaderMap, name: &str, value: &str, seconds: i64) -> String {
        let path = &options.url_prefix;
        format!(
            "{name}={value}; Max-Age={seconds}; Path={path}/; HttpOnly; SameSite=Lax{}",
            secure(options, asked)
        )
    }

    /// While everybody is asked.
    async fn asked(&self, shared: &Shared, area: Area, request: &Parts) -> Result<Caller, Refused> {
        let options = &shared.options;
        let people = self.people();
        if let Some(given) = request.headers.get(AUTHORIZATION)
            && let Some(user) = people.passwords.user(given).await
        {
            return Ok(self.known(user));
        }
        if let Some(header) = &options.proxy_header
            && let Some(user) = proxy::user(header, &options.proxy_from, request)?
        {
            return Ok(self.known(user));
        }
        if area == Area::Login {
            return Ok(Caller::default());
        }
        if options.auth_provider.is_some() {
            let now = shared.app.clock().now().as_second();
            let user = self.sessions.user(&self.keys, &request.headers, now);
            if let Some((user, session)) = user.filter(|(user, _)| self.emails.allows(user)) {
                return Ok(Caller { session: Some(session), ..self.known(user) });
            }
            let is_get = request.method == Method::GET;
            if is_get && (area == Area::Page || options.strict()) {
                return Err(Box::new(login::go(request, options)));
            }
        }
        let text = if options.strict() && area == Area::Api { "" } else { "Access denied" };
        let mut response = Refusal::html(StatusCode::UNAUTHORIZED, "unauthenticated", text).into_response();
        if area == Area::Page && !people.passwords.is_empty() {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"flower\""));
        }
        Err(Box::new(response))
    }

    /// A program that shows a token.
    fn by_token(&self, shared: &Shared, token: &str) -> Result<Caller, Refused> {
        let now = shared.app.clock().now().as_second();
        match self.tokens.find(token, now) {
            Some((name, rights)) => {
                Ok(Caller { name: Some(format!("token:{name}")), rights, ..Caller::default() })
            }
            None => {
                let text = "the token is not known, has ended or was revoked";
                Err(refused(Refusal::text(StatusCode::UNAUTHORIZED, "bad_token", text)))
            }
        }
    }

    /// The tokens, and whether they end with the process.
    pub(crate) fn tokens(&self) -> (Tokens, bool) {
        (self.tokens.clone(), self.forgets)
    }

    /// Sessions that hold: of one user, or of all.
    pub(crate) fn sessions(&self, user: Option<&str>, now: i64) -> Vec<Json> {
        self.sessions.list(user, now)
    }

    /// Ends a session; answers whose it was.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(crate) async fn end_session(&self, id: &str, now: i64) -> Result<Option<String>, Error> {
        let (sessions, id) = (Arc::clone(&self.sessions), id.to_owned());
        blocking(move || sessions.revoke(&id, now)).await?
    }

    /// What the file of users says.
    pub(crate) fn users(&self) -> Vec<Json> {
        self.people().users.shown()
    }

    /// Somebody who has logged in.
    fn known(&self, user: String) -> Caller {
        Caller { rights: self.people().users.rights(&user), name: Some(user), ..Caller::default() }
    }

    /// While nobody is: the board's own pages may, others only if that was said.
    fn not_asked(
        &self,
        shared: &Shared,
        area: Area,
        unsafe_method: bool,
        request: &Parts,
    ) -> Result<Caller, Refused> {
        let options = &shared.options;
        if !options.strict() {
            host::known(request, options)?;
            if unsafe_method {
                origin::same_site(&request.headers)?;
            }
        }
        let read_only = options.exposure() == Exposure::Open(Anonymous::ReadOnly);
        let rights = Rights::from(options.default_role.unwrap_or(Role::Admin));
        let anonymous = Caller { read_only, rights, ..Caller::default() };
        if area != Area::Api {
            return Ok(anonymous);
        }
        let open = matches!(options.exposure(), Exposure::Open(_)) || options.unauthenticated_api;
        if open || (!options.strict() && self.is_own_page(&request.headers, unsafe_method)) {
            return Ok(anonymous);
        }
        Err(refused(Refusal::text(
            StatusCode::UNAUTHORIZED,
            "unauthenticated_api",
            "FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication",
        )))
    }

    /// Whether one of the board's pages asks: it has the cookie, and for a change says so in a header, too.
    fn is_own_page(&self, headers: &HeaderMap, unsafe_method: bool) -> bool {
        let Some(cookie) = token::cookie(headers, token::COOKIE) else { return false };
        self.keys.is_ours(cookie) && (!unsafe_method || token::header(headers) == Some(cookie))
    }

    /// A change in the name of a session needs the page's token; one with credentials of its own does not.
    fn token_of_session(&self, request: &Parts, options: &Options) -> Result<(), Refused> {
        let headers = &request.headers;
        if headers.contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let forbidden =
            |text: &str| Err(refused(Refusal::text(StatusCode::FORBIDDEN, "xsrf", text.to_owned())));
        // Also by a proxy, which adds its header to whatever a browser sends.
        let logged_in = token::cookie(headers, token::SESSION).is_some()
            || options.proxy_header.as_ref().is_some_and(|name| headers.contains_key(name));
        match (token::header(headers), token::cookie(headers, token::COOKIE)) {
            // Not logged in: said as such.
            (None, _) if !options.strict() && !logged_in => Ok(()),
            (None, _) => forbidden("'_xsrf' argument missing from POST"),
            (Some(given), Some(cookie)) if given == cookie && self.keys.is_ours(cookie) => Ok(()),
            _ => forbidden("XSRF cookie does not match POST argument"),
        }
    }
}

/// Whether a path tells of tasks, workers or queues. Who asks may be asked by everybody.
fn is_data(path: &str) -> bool {
    let own = path.strip_prefix(OWN_API);
    match Area::of(path) {
        Area::Api => own.is_none_or(|rest| rest != "session" && rest != "openapi.json"),
        Area::Page => path.starts_with("/tasks/datatable") || path == "/workers" || path == "/status",
        Area::Open | Area::Login => false,
    }
}

/// The address that somebody asks from: as a proxy says that is believed, else as the connection has it.
fn from(options: &Options, request: &Parts) -> Option<String> {
    let peer = proxy::peer(request);
    let believed =
        options.xheaders && (options.proxy_from.is_empty() || proxy::is_from(&options.proxy_from, peer));
    let said = request.headers.get("x-real-ip").filter(|_| believed).and_then(|ip| ip.to_str().ok());
    said.map(str::to_owned).or_else(|| peer.map(Peer::shown))
}

/// Browsers keep a cookie from being sent without TLS.
fn secure(options: &Options, asked: &HeaderMap) -> &'static str {
    let by_proxy = options.xheaders && asked.get("x-scheme").is_some_and(|scheme| scheme == "https");
    let by_provider = options.oauth2_redirect_uri.as_ref().is_some_and(|uri| uri.starts_with("https://"));
    if by_proxy || by_provider || options.certfile.is_some() { "; Secure" } else { "" }
}

/// Runs what waits for the disk where it holds nobody up.
///
/// # Errors
/// When it panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| {
        Error::with_source(ErrorKind::Other, "writing down who may act ended with a panic", error)
    })
}

fn refused(refusal: Refusal) -> Refused {
    Box::new(refusal.into_response())
}
