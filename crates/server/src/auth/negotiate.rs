//! Kerberos tickets in SPNEGO (RFC 4559, RFC 4178), checked with the keys of a keytab.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderValue, header};
use libgssapi::context::{CtxFlags, SecurityContext as _, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error as GssError;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, OidSet};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::refusal::{Refused, TicketProblem};
use super::{AuthError, KerberosConfig, UserName};

/// Tickets looked at side by side. The library blocks: on the keytab, on its replay cache, on a name server.
const SIDE_BY_SIDE: usize = 8;

/// How long a caller waits for the verdict, places before it included.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a caller may come again whose ticket could not be looked at.
const PAUSE: Duration = Duration::from_secs(5);

/// The principal of callers who want to stay nameless (RFC 8062).
const ANONYMOUS: &str = "WELLKNOWN/ANONYMOUS@";

/// Accepts tickets for one service.
pub(super) struct Acceptor {
    credentials: Cred,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Looks whether the keytab has a key for the service.
    pub(super) async fn new(config: &KerberosConfig) -> Result<Self, AuthError> {
        let service = config.service.clone();
        let error = |reason| AuthError::Keytab {
            service: config.service.clone(),
            reason,
        };
        // Texts of the library's errors belong to the thread that had them.
        let acquire = move || acquire(&service).map_err(|error| error.to_string());
        let acquired = tokio::task::spawn_blocking(acquire).await;
        let credentials = acquired
            .map_err(|_| error("the library broke off".to_owned()))?
            .map_err(error)?;
        Ok(Self {
            credentials,
            places: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
        })
    }

    /// The principal that a ticket is for. What the caller needs to be sure of this service is kept for [`return_answer_token`].
    pub(super) async fn user_of(
        &self,
        ticket: &SecretString,
        parts: &Parts,
    ) -> Result<UserName, Refused> {
        let invalid = Refused::Ticket(TicketProblem::Invalid);
        let ticket = STANDARD
            .decode(ticket.expose_secret())
            .ok()
            // The library would take an empty one for a question, and answer with what it offers.
            .filter(|ticket| !ticket.is_empty())
            .ok_or_else(|| invalid.clone())?;
        let judged = tokio::time::timeout(PATIENCE, self.judge(ticket)).await;
        let Ok(Some(verdict)) = judged else {
            tracing::error!("a Kerberos ticket could not be looked at in time");
            return Err(Refused::CannotJudge(PAUSE));
        };
        let accepted = verdict.map_err(Refused::Ticket)?;
        let user = accepted.principal.parse().map_err(|_| invalid)?;
        if let (Some(token), Some(slot)) = (accepted.answer, parts.extensions.get::<AnswerToken>())
        {
            slot.keep(&token);
        }
        Ok(user)
    }

    /// The library's verdict; none if it breaks off.
    async fn judge(&self, ticket: Vec<u8>) -> Option<Result<Accepted, TicketProblem>> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let credentials = self.credentials.clone();
        let judge = move || {
            // The place is taken as long as the thread is, also when nobody waits any more.
            let _place = place;
            accept(credentials, &ticket)
        };
        tokio::task::spawn_blocking(judge).await.ok()
    }
}

fn acquire(service: &str) -> Result<Cred, GssError> {
    let name = Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))?;
    let mut mechanisms = OidSet::new();
    mechanisms.add(GSS_MECH_KRB5)?;
    mechanisms.add(GSS_MECH_SPNEGO)?;
    Cred::acquire(Some(&name), None, CredUsage::Accept, Some(&mechanisms))
}

/// What a good ticket gives.
struct Accepted {
    principal: String,
    answer: Option<Vec<u8>>,
}

fn accept(credentials: Cred, ticket: &[u8]) -> Result<Accepted, TicketProblem> {
    // Its errors are about keys, clocks and names, and hold nothing of the ticket.
    let invalid = |error: GssError| {
        tracing::info!(%error, "refused a Kerberos ticket");
        TicketProblem::Invalid
    };
    let mut context = ServerCtx::new(Some(credentials));
    let answer = context.step(ticket, None).map_err(invalid)?;
    if !context.is_complete() {
        return Err(TicketProblem::SeveralRounds);
    }
    // SPNEGO may settle on whatever mechanism is installed; only Kerberos was configured.
    let info = context.info().map_err(invalid)?;
    let principal = info.source_name.display_name().map_err(invalid)?;
    let principal = std::str::from_utf8(&principal).map_err(|_| TicketProblem::Invalid)?;
    let anonymous =
        info.flags.contains(CtxFlags::GSS_C_ANON_FLAG) || principal.starts_with(ANONYMOUS);
    if info.mechanism != GSS_MECH_KRB5 || anonymous {
        tracing::info!("refused a ticket that is not of a Kerberos principal");
        return Err(TicketProblem::Invalid);
    }
    Ok(Accepted {
        principal: principal.to_owned(),
        answer: answer.map(|token| token.to_vec()),
    })
}

/// Where the token for the answer is kept until there is an answer.
#[derive(Clone, Debug, Default)]
struct AnswerToken(Arc<OnceLock<HeaderValue>>);

impl AnswerToken {
    fn keep(&self, token: &[u8]) {
        if let Ok(mut value) =
            HeaderValue::try_from(format!("Negotiate {}", STANDARD.encode(token)))
        {
            value.set_sensitive(true);
            // A request is judged once; the first token is the one.
            let _ = self.0.set(value);
        }
    }
}

/// Has every answer to a caller with a good ticket carry what proves the service to them, errors included: clients that want that proof
/// throw away answers without it.
pub(crate) fn return_answer_token<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
) -> Router<S> {
    router.layer(middleware::from_fn(
        async |mut request: Request, next: Next| -> Response {
            let slot = AnswerToken::default();
            request.extensions_mut().insert(slot.clone());
            let mut response = next.run(request).await;
            if let Some(value) = slot.0.get() {
                let headers = response.headers_mut();
                headers.append(header::WWW_AUTHENTICATE, value.clone());
            }
            response
        },
    ))
}
