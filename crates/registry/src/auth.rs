//! Who may do what: basic authentication, and bearer tokens issued by the registry itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Response};
use serde_json::json;
use tokio::time::Instant;

use crate::config::{Auth, Password};
use crate::name::RepositoryName;
use crate::reply::{self, Body, Code, Refusal};
use crate::request::{Query, Route, header, reads};

/// The name the registry gives itself in challenges.
const SERVICE: &str = "registry";

/// What can be done to a resource, in the words of token scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Pull,
    Push,
    Delete,
    /// Anything at all; needed to list repositories.
    Any,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Any => "*",
        }
    }
}

/// One right a request needs.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// `repository:<name>` or `registry:catalog`, as scopes spell it.
    resource: String,
    action: Action,
}

impl Access {
    /// The rights `method` needs at `route`.
    pub(crate) fn needed(method: &Method, route: &Route, query: &Query) -> Vec<Self> {
        let repository = |name: &str, action| Self {
            resource: format!("repository:{name}"),
            action,
        };
        let reads = reads(method);
        match route {
            Route::Ping | Route::Token => Vec::new(),
            Route::Catalog => vec![Self {
                resource: "registry:catalog".to_owned(),
                action: Action::Any,
            }],
            Route::Tags(name) => vec![repository(name.as_str(), Action::Pull)],
            Route::Manifest(name, _) | Route::Blob(name, _) if reads => {
                vec![repository(name.as_str(), Action::Pull)]
            }
            Route::Manifest(name, _) | Route::Blob(name, _) if method == Method::DELETE => {
                vec![repository(name.as_str(), Action::Delete)]
            }
            Route::Manifest(name, _) | Route::Blob(name, _) | Route::Upload(name, _) => {
                vec![repository(name.as_str(), Action::Push)]
            }
            Route::Uploads(name) => {
                let mut needed = vec![repository(name.as_str(), Action::Push)];
                // Mounting reads the source: without this a token for one repository would open all others.
                let source = query.get("mount").and(query.get("from"));
                if let Some(source) =
                    source.and_then(|source| source.parse::<RepositoryName>().ok())
                {
                    needed.push(repository(source.as_str(), Action::Pull));
                }
                needed
            }
        }
    }

    /// The scope a client should ask for; who pushes always pulls as well.
    fn scope(&self) -> String {
        let actions = match self.action {
            Action::Push => "pull,push",
            Action::Pull | Action::Delete | Action::Any => self.action.as_str(),
        };
        format!("{}:{actions}", self.resource)
    }
}

/// What a token is good for: actions by resource.
#[derive(Debug)]
struct Grant {
    scopes: BTreeMap<String, BTreeSet<String>>,
    until: Instant,
}

impl Grant {
    fn covers(&self, access: &Access) -> bool {
        self.scopes.get(&access.resource).is_some_and(|actions| {
            actions.contains("*") || actions.contains(access.action.as_str())
        })
    }
}

/// The door: none, basic, or tokens.
#[derive(Debug)]
pub(crate) struct Door {
    auth: Option<Auth>,
    token_lifetime: Duration,
    tokens: Mutex<BTreeMap<String, Grant>>,
    scheme: &'static str,
}

impl Door {
    pub(crate) fn new(auth: Option<Auth>, token_lifetime: Duration, scheme: &'static str) -> Self {
        Self {
            auth,
            token_lifetime,
            tokens: Mutex::default(),
            scheme,
        }
    }

    /// Lets the request in, or gives the challenge that says how to come in.
    pub(crate) fn check(&self, headers: &HeaderMap, needed: &[Access]) -> Result<(), Refusal> {
        match &self.auth {
            None => Ok(()),
            Some(Auth::Basic(users)) if knows(users, headers) => Ok(()),
            Some(Auth::Basic(_)) => Err(basic_challenge()),
            Some(Auth::Token(_)) => self.check_token(headers, needed),
        }
    }

    /// `GET /token`: a token for the scopes asked for, against basic authentication.
    pub(crate) fn issue(
        &self,
        method: &Method,
        headers: &HeaderMap,
        query: &Query,
    ) -> Result<Response<Body>, Refusal> {
        let users = match &self.auth {
            // Clients that try the OAuth form first fall back to GET when it is not found.
            Some(Auth::Token(users)) if method == Method::GET => users,
            Some(Auth::Basic(_) | Auth::Token(_)) | None => {
                return Err(Refusal::new(Code::Unsupported, "no tokens are issued here")
                    .with_status(http::StatusCode::NOT_FOUND));
            }
        };
        if !knows(users, headers) {
            return Err(basic_challenge());
        }
        let mut scopes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for scope in query.all("scope").flat_map(|scopes| scopes.split(' ')) {
            if let Some((resource, actions)) = scope.rsplit_once(':') {
                let granted = scopes.entry(resource.to_owned()).or_default();
                granted.extend(actions.split(',').map(str::to_owned));
            }
        }
        let token = hex::encode(rand::random::<[u8; 32]>());
        let now = Instant::now();
        let mut tokens = self.lock();
        tokens.retain(|_, grant| grant.until > now);
        tokens.insert(
            token.clone(),
            Grant {
                scopes,
                until: now + self.token_lifetime,
            },
        );
        let answer = json!({ "token": token, "access_token": token, "expires_in": self.token_lifetime.as_secs() });
        reply::json(Response::builder(), &answer)
    }

    /// Ends the token the request carries, if it is one of ours.
    pub(crate) fn forget(&self, headers: &HeaderMap) {
        if let Some(token) = bearer_token(headers) {
            self.lock().remove(token);
        }
    }

    fn check_token(&self, headers: &HeaderMap, needed: &[Access]) -> Result<(), Refusal> {
        let Some(token) = bearer_token(headers) else {
            return Err(self.bearer_challenge(headers, needed, None));
        };
        let tokens = self.lock();
        let Some(grant) = tokens
            .get(token)
            .filter(|grant| grant.until > Instant::now())
        else {
            return Err(self.bearer_challenge(headers, needed, Some("invalid_token")));
        };
        if needed.iter().all(|access| grant.covers(access)) {
            Ok(())
        } else {
            Err(self.bearer_challenge(headers, needed, Some("insufficient_scope")))
        }
    }

    fn bearer_challenge(
        &self,
        headers: &HeaderMap,
        needed: &[Access],
        error: Option<&str>,
    ) -> Refusal {
        // The name under which the client found us is the one under which it finds us again.
        let host = header(headers, HOST)
            .filter(|host| {
                host.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
            })
            .unwrap_or("localhost");
        let mut parts = vec![
            format!("Bearer realm=\"{}://{host}/token\"", self.scheme),
            format!("service=\"{SERVICE}\""),
        ];
        if !needed.is_empty() {
            let scopes: Vec<String> = needed.iter().map(Access::scope).collect();
            parts.push(format!("scope=\"{}\"", scopes.join(" ")));
        }
        parts.extend(error.map(|error| format!("error=\"{error}\"")));
        Refusal::new(Code::Unauthorized, "authentication required")
            .with_header(WWW_AUTHENTICATE, &parts.join(","))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Grant>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token a request carries.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

fn basic_challenge() -> Refusal {
    Refusal::new(Code::Unauthorized, "authentication required")
        .with_header(WWW_AUTHENTICATE, &format!("Basic realm=\"{SERVICE}\""))
}

/// What follows the scheme in the `Authorization` header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, rest) = header(headers, AUTHORIZATION)?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Who a request says it is by basic authentication, whether or not that is true.
pub(crate) fn claimed_user(headers: &HeaderMap) -> Option<String> {
    user_and_password(headers).map(|(user, _)| user)
}

fn user_and_password(headers: &HeaderMap) -> Option<(String, String)> {
    let bytes = BASE64.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn knows(users: &BTreeMap<String, Password>, headers: &HeaderMap) -> bool {
    user_and_password(headers).is_some_and(|(user, password)| {
        users
            .get(&user)
            .is_some_and(|expected| expected.is(&password))
    })
}
