//! The credential in the `Authorization` header.

use http::{HeaderMap, header};
use secrecy::SecretString;

use super::refusal::Refused;

/// Tickets of users with many groups are long; nothing honest is longer than this.
const MAX_LENGTH: usize = 64 * 1024;

/// What a caller came with. It is not judged yet.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) scheme: Scheme,
    /// What follows the scheme.
    pub(super) secret: SecretString,
}

/// How the credential is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RFC 6750: a static token or one of an issuer.
    Bearer,
    /// RFC 4559: a Kerberos ticket.
    Negotiate,
    /// Nothing this service knows.
    Other,
}

impl Credential {
    /// The one credential of a request. Errors never repeat any of it: people do put secrets into the wrong place.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refused> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Refused::AuthorizationTwice);
        }
        let text = value.to_str().map_err(|_| Refused::UnknownScheme)?.trim();
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("negotiate") {
            Scheme::Negotiate
        } else {
            Scheme::Other
        };
        let secret = if secret.len() > MAX_LENGTH {
            ""
        } else {
            secret.trim()
        };
        Ok(Some(Self {
            scheme,
            secret: secret.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<(Scheme, String)>, Refused> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(header::AUTHORIZATION, value);
        }
        let credential = Credential::of(&headers)?;
        Ok(credential.map(|known| (known.scheme, known.secret.expose_secret().to_owned())))
    }

    #[test]
    fn the_scheme_is_known_in_any_case() {
        for (text, scheme, secret) in [
            ("Bearer abc", Scheme::Bearer, "abc"),
            ("bEARER   abc ", Scheme::Bearer, "abc"),
            ("NEGOTIATE YII=", Scheme::Negotiate, "YII="),
            ("Bearer", Scheme::Bearer, ""),
            ("Basic abc", Scheme::Other, "abc"),
            ("Bearerabc", Scheme::Other, ""),
            ("", Scheme::Other, ""),
        ] {
            let expected = Ok(Some((scheme, secret.to_owned())));
            assert_eq!(read(&[text.as_bytes()]), expected, "{text}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_single_text_of_sane_length_is_no_credential() {
        assert_eq!(
            read(&[b"Bearer a", b"Bearer b"]),
            Err(Refused::AuthorizationTwice)
        );
        assert_eq!(read(&[b"Bearer \xff"]), Err(Refused::UnknownScheme));
        let long = format!("Bearer {}", "x".repeat(MAX_LENGTH + 1));
        let expected = Ok(Some((Scheme::Bearer, String::new())));
        assert_eq!(read(&[long.as_bytes()]), expected);
    }
}
