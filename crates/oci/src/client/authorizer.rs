//! Authorizer: answers challenges with Basic or Bearer credentials and keeps what it got.
//!
//! The token protocol is that of the distribution project: GET with `service` and `scope` for a user and password or
//! nobody, POST as OAuth 2 for an identity token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::challenge::Challenge;
use super::operation::{Access, Operation};
use super::transport::{Request, Transport};
use crate::credentials::{CredentialOrigin, Credentials, Secret};
use crate::error::Error;
use crate::reference::{RegistryHost, Repository};

const MAX_TOKEN_BYTES: usize = 1024 * 1024;
/// Beyond this many grants, stale ones are thrown away before another is added.
const MANY_GRANTS: usize = 1024;
/// What a token without `expires_in` lasts, by the token specification.
const DEFAULT_TOKEN_SECONDS: u64 = 60;

pub(crate) struct Authorizer {
    credentials: Credentials,
    /// How each registry wants to be answered, as learnt from its challenges.
    schemes: Mutex<BTreeMap<RegistryHost, Scheme>>,
    grants: Mutex<BTreeMap<GrantKey, Cell>>,
}

type GrantKey = (RegistryHost, Access);
/// Whoever needs the same grant at the same time waits for the one who fetches it.
type Cell = Arc<OnceCell<Arc<Grant>>>;

#[derive(Clone, Debug)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// What is sent as `Authorization`.
pub(crate) struct Grant {
    /// Nothing when we have no credentials and the registry takes nobody without.
    pub(crate) header: Option<HeaderValue>,
    pub(crate) origin: CredentialOrigin,
    fresh_until: Option<Instant>,
}

impl Grant {
    fn is_stale(&self) -> bool {
        self.fresh_until
            .is_some_and(|until| Instant::now() >= until)
    }
}

impl Authorizer {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            schemes: Mutex::default(),
            grants: Mutex::default(),
        }
    }

    /// Whether there is anything to prove with who we are at `repository`.
    pub(crate) async fn has_credentials(&self, repository: &Repository) -> Result<bool, Error> {
        Ok(self.credentials.lookup(repository).await?.is_some())
    }

    /// What to send with a request of `operation`; nothing as long as the registry never asked.
    pub(crate) async fn grant(
        &self,
        transport: &Transport,
        operation: &Operation,
    ) -> Result<Option<Arc<Grant>>, Error> {
        self.grant_for(transport, operation, &[]).await
    }

    /// What to send after a request with `rejected` was answered with `challenges`; nothing when they ask for what we do
    /// not have.
    pub(crate) async fn answer(
        &self,
        transport: &Transport,
        operation: &Operation,
        challenges: &[Challenge],
        rejected: Option<&Arc<Grant>>,
    ) -> Result<Option<Arc<Grant>>, Error> {
        let by_scheme = |name| challenges.iter().find(move |given| given.scheme == name);
        let bearer = by_scheme("bearer").and_then(|given| {
            let realm = given.parameters.get("realm")?;
            Some((realm, &given.parameters))
        });
        let (scheme, wanted) = match (bearer, by_scheme("basic")) {
            (Some((realm, parameters)), _) => {
                let base = operation.endpoint.url("v2/");
                let realm = operation.follow(&base, realm, &transport.config)?;
                let service = parameters.get("service").cloned();
                let wanted = parameters.get("scope").map_or("", String::as_str);
                (Scheme::Bearer { realm, service }, wanted)
            }
            (None, Some(_)) => (Scheme::Basic, ""),
            (None, None) => return Ok(None),
        };
        let registry = operation.endpoint.name.clone();
        locked(&self.schemes).insert(registry, scheme);
        if let Some(rejected) = rejected {
            self.forget(operation, rejected);
        }
        let extra = scopes_not_in(wanted, &operation.access.scopes);
        self.grant_for(transport, operation, &extra).await
    }

    async fn grant_for(
        &self,
        transport: &Transport,
        operation: &Operation,
        extra_scopes: &[String],
    ) -> Result<Option<Arc<Grant>>, Error> {
        let scheme = locked(&self.schemes).get(&operation.endpoint.name).cloned();
        let Some(scheme) = scheme else {
            return Ok(None);
        };
        let cell = self.cell(operation);
        let grant = cell
            .get_or_try_init(|| self.obtain(transport, operation, &scheme, extra_scopes))
            .await?;
        Ok(Some(Arc::clone(grant)))
    }

    fn cell(&self, operation: &Operation) -> Cell {
        let mut grants = locked(&self.grants);
        let stale = |cell: &Cell| cell.get().is_some_and(|grant| grant.is_stale());
        if grants.len() >= MANY_GRANTS {
            grants.retain(|_, cell| !stale(cell));
        }
        let cell = grants.entry(key(operation)).or_default();
        if stale(cell) {
            *cell = Cell::default();
        }
        Arc::clone(cell)
    }

    /// Drops `rejected`, unless somebody else already replaced it.
    fn forget(&self, operation: &Operation, rejected: &Arc<Grant>) {
        let mut grants = locked(&self.grants);
        let key = key(operation);
        let current = grants.get(&key).and_then(|cell| cell.get());
        if current.is_some_and(|current| Arc::ptr_eq(current, rejected)) {
            grants.remove(&key);
        }
    }

    async fn obtain(
        &self,
        transport: &Transport,
        operation: &Operation,
        scheme: &Scheme,
        extra_scopes: &[String],
    ) -> Result<Arc<Grant>, Error> {
        let registry = operation.endpoint.name.as_str();
        let credential = self
            .credentials
            .lookup_path(registry, &operation.access.path)
            .await?;
        let (secret, origin) = match credential {
            Some(credential) => (Some(credential.secret), credential.origin),
            None => (None, self.credentials.nowhere()),
        };
        let grant = match scheme {
            Scheme::Basic => Grant {
                header: match &secret {
                    Some(Secret::Password { user, password }) => Some(basic(user, password)),
                    // Basic has no place for an identity token.
                    Some(Secret::IdentityToken(_)) | None => None,
                },
                origin,
                fresh_until: None,
            },
            Scheme::Bearer { realm, service } => {
                let mut scopes = operation.access.scopes.clone();
                scopes.extend_from_slice(extra_scopes);
                let asked = TokenQuestion {
                    realm,
                    service: service.as_deref(),
                    scopes: &scopes,
                };
                asked.ask(transport, operation, secret, origin).await?
            }
        };
        Ok(Arc::new(grant))
    }
}

struct TokenQuestion<'a> {
    realm: &'a Url,
    service: Option<&'a str>,
    scopes: &'a [String],
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

impl TokenQuestion<'_> {
    async fn ask(
        &self,
        transport: &Transport,
        operation: &Operation,
        secret: Option<Secret>,
        origin: CredentialOrigin,
    ) -> Result<Grant, Error> {
        let (request, authorization) = match secret {
            None => (self.get(None), None),
            Some(Secret::Password { user, password }) => {
                (self.get(Some(&user)), Some(basic(&user, &password)))
            }
            Some(Secret::IdentityToken(token)) => (self.post(&token), None),
        };
        let asked_at = Instant::now();
        let reply = transport
            .exchange(operation, &request, authorization.as_ref())
            .await?;
        match reply.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let said = reply.said(operation).await;
                return Err(operation.unauthorized(origin, said.message));
            }
            _ => return Err(reply.into_error(operation).await),
        }
        let body = reply.bytes(operation, MAX_TOKEN_BYTES).await?;
        let answer: Option<TokenAnswer> = serde_json::from_slice(&body).ok();
        let token = answer.as_ref().and_then(|answer| {
            let given = |token: &&SecretString| !token.expose_secret().is_empty();
            let first = answer.token.as_ref().filter(given);
            first.or_else(|| answer.access_token.as_ref().filter(given))
        });
        let header = token
            .and_then(|token| sensitive(&format!("Bearer {}", token.expose_secret())))
            .ok_or_else(|| operation.protocol("its token service sent no usable token"))?;
        let seconds = answer.and_then(|answer| answer.expires_in);
        let lifetime = Duration::from_secs(seconds.unwrap_or(DEFAULT_TOKEN_SECONDS));
        Ok(Grant {
            header: Some(header),
            origin,
            // The last fifth is left for the request on its way; an absurdly long life is as good as none.
            fresh_until: asked_at.checked_add(lifetime / 5 * 4),
        })
    }

    fn get(&self, user: Option<&str>) -> Request {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(user) = user {
                query.append_pair("account", user);
            }
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            for scope in self.scopes {
                query.append_pair("scope", scope);
            }
        }
        Request::new(Method::GET, url)
    }

    fn post(&self, token: &SecretString) -> Request {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "iib")
            .append_pair("refresh_token", token.expose_secret());
        if let Some(service) = self.service {
            form.append_pair("service", service);
        }
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        let mut request = Request::new(Method::POST, self.realm.clone());
        request.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request.body = Bytes::from(form.finish());
        request
    }
}

/// The scopes of the challenge that speak of something ours do not mention: some registries know a repository by
/// another name inside.
fn scopes_not_in(wanted: &str, ours: &[String]) -> Vec<String> {
    let subject = |scope: &str| {
        scope
            .rsplit_once(':')
            .map_or_else(|| scope.to_owned(), |(subject, _)| subject.to_owned())
    };
    wanted
        .split_ascii_whitespace()
        .filter(|scope| !ours.iter().any(|own| subject(own) == subject(scope)))
        .map(str::to_owned)
        .collect()
}

fn basic(user: &str, password: &SecretString) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    sensitive(&format!("Basic {encoded}")).expect("base64 is ASCII without control characters")
}

/// A header value that debug output does not show.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn key(operation: &Operation) -> GrantKey {
    (operation.endpoint.name.clone(), operation.access.clone())
}

/// A panic while the lock was held cannot leave these maps half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_the_challenge_are_added_only_for_other_subjects() {
        let ours = ["repository:a:pull,push".to_owned()];
        assert_eq!(scopes_not_in("repository:a:pull", &ours), [""; 0]);
        assert_eq!(
            scopes_not_in("repository:library/a:pull registry:catalog:*", &ours),
            ["repository:library/a:pull", "registry:catalog:*"]
        );
        assert_eq!(scopes_not_in("", &ours), [""; 0]);
    }

    #[test]
    fn the_questions_to_the_token_service_carry_service_and_each_scope() {
        let realm = "https://auth.example/token?x=1".parse().unwrap();
        let question = TokenQuestion {
            realm: &realm,
            service: Some("r.example"),
            scopes: &["repository:a:pull,push".into(), "repository:b:pull".into()],
        };
        assert_eq!(
            question.get(Some("me")).url.as_str(),
            "https://auth.example/token?x=1&account=me&service=r.example\
             &scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull"
        );
        let form = question.post(&"refresh".into()).body;
        assert_eq!(
            form,
            "grant_type=refresh_token&client_id=iib&refresh_token=refresh&service=r.example\
             &scope=repository%3Aa%3Apull%2Cpush+repository%3Ab%3Apull"
        );
    }
}
