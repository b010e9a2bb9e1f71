//! Bearer tokens that an `OpenID` Connect issuer signed (RFC 7519, RFC 9068).

mod fetch;
mod key_cache;
mod key_set;

use std::collections::BTreeSet;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use self::fetch::KeySource;
use self::key_cache::{KeyCache, NoKey};
use super::config::{JwtAlgorithm, OidcConfig};
use super::refusal::{Refused, TokenProblem};
use super::{AuthError, UserName};

const ANOTHER_ISSUER: &str = "the bearer token is of another issuer than the one believed here";
const ANOTHER_AUDIENCE: &str = "the bearer token was made for another service; ask the issuer for one with this service's audience";
const NO_USER: &str =
    "the bearer token names no user; ask the issuer for one with the claim that this service reads";
const INCOMPLETE: &str =
    "the bearer token lacks a claim that is needed, or has one of a wrong form: exp, iss, aud, nbf";

/// Whether a token can be one of an issuer at all: three parts, separated by dots.
pub(super) fn has_form(token: &str) -> bool {
    token.split('.').count() == 3
}

/// An issuer whose tokens are believed.
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    algorithms: BTreeSet<JwtAlgorithm>,
    user_claims: Vec<String>,
    /// Everything that is checked, but for the algorithm, which must be the one of the token.
    validation: Validation,
    keys: KeyCache,
}

impl Issuer {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, AuthError> {
        let mut validation = Validation::default();
        let audiences: Vec<&String> = config.audiences.iter().collect();
        validation.set_audience(&audiences);
        validation.set_issuer(&[config.issuer.as_str()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = config.leeway.as_secs();
        let source = KeySource::new(config).map_err(AuthError::Client)?;
        Ok(Self {
            name: config.issuer.as_str().to_owned(),
            algorithms: config.algorithms.clone(),
            user_claims: config.user_claims.clone(),
            validation,
            keys: KeyCache::new(source, config),
        })
    }

    /// Whose token it is, if the issuer signed it for this service and now is its time.
    pub(super) async fn user_of(&self, token: &SecretString) -> Result<UserName, Refused> {
        let unknown = Refused::Token(TokenProblem::Unknown);
        let header = decode_header(token.expose_secret()).map_err(|_| unknown.clone())?;
        let allowed = JwtAlgorithm::of(header.alg)
            .is_some_and(|algorithm| self.algorithms.contains(&algorithm));
        // Nothing is understood that a token could declare critical (RFC 7515, section 4.1.11).
        if !allowed || header.crit.is_some() {
            return Err(unknown);
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = key.map_err(|problem| match problem {
            NoKey::Unknown => unknown,
            NoKey::Away(pause) => Refused::CannotJudge(pause),
        })?;
        let mut validation = self.validation.clone();
        validation.algorithms = vec![header.alg];
        let token = decode::<Map<String, Value>>(token.expose_secret(), &key, &validation)
            .map_err(|error| Refused::Token(problem_of(error.kind())))?;
        self.user_in(&token.claims).map_err(Refused::Token)
    }

    /// The library leaves out what it cannot read; that is refused here.
    fn user_in(&self, claims: &Map<String, Value>) -> Result<UserName, TokenProblem> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.name.as_str()) {
            return Err(TokenProblem::NotForUs(ANOTHER_ISSUER));
        }
        if claims.get("nbf").is_some_and(|time| !time.is_number()) {
            return Err(TokenProblem::NotForUs(INCOMPLETE));
        }
        self.user_claims
            .iter()
            .find_map(|claim| claims.get(claim))
            .and_then(Value::as_str)
            .and_then(|name| name.parse().ok())
            .ok_or(TokenProblem::NotForUs(NO_USER))
    }
}

/// The library checks the signature before the claims, so what is said about claims is said to those who have a token of the issuer.
fn problem_of(kind: &ErrorKind) -> TokenProblem {
    match kind {
        ErrorKind::ExpiredSignature => TokenProblem::Expired,
        ErrorKind::ImmatureSignature => TokenProblem::NotYet,
        ErrorKind::InvalidIssuer => TokenProblem::NotForUs(ANOTHER_ISSUER),
        ErrorKind::InvalidAudience => TokenProblem::NotForUs(ANOTHER_AUDIENCE),
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            TokenProblem::NotForUs(INCOMPLETE)
        }
        _ => TokenProblem::Unknown,
    }
}
