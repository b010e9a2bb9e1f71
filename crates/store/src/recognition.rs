//! What makes a submission one that came before.

use std::time::Duration;

use api::IdempotencyKey;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::sealing::{Fingerprint, SealingKey};
use crate::submit::Submission;

/// How a submission is known again should it come once more.
#[derive(Clone, Debug)]
pub struct Recognition {
    /// Where it was submitted. The same requests elsewhere are another submission.
    pub endpoint: &'static str,
    /// What its user calls it. Keys of different users have nothing to do with each other; those who are no user count as one.
    pub key: Option<IdempotencyKey>,
    /// How long the key means this submission.
    pub keep_key: Duration,
    /// Whether it is one with a submission of the same user that asks for the same and of which nothing has ended.
    pub join: bool,
}

/// A [`Recognition`] as it is looked up.
pub(crate) struct Marks {
    pub(crate) key: Option<KeyMark>,
    /// Of all that makes it this submission, its secrets included.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) join: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct KeyMark {
    /// Of the key and its user.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) keep: Duration,
}

impl Marks {
    /// None when nothing is to be looked up.
    pub(crate) fn new(
        submission: &Submission,
        recognition: &Recognition,
        sealing_key: &SealingKey,
    ) -> Option<Self> {
        if recognition.key.is_none() && !recognition.join {
            return None;
        }
        let user = submission.user.as_deref().map(str::as_bytes);
        let key = recognition.key.as_ref().map(|key| KeyMark {
            fingerprint: sealing_key.fingerprint([
                Some(&b"key"[..]),
                user,
                Some(key.as_str().as_bytes()),
            ]),
            keep: recognition.keep_key,
        });
        Some(Self {
            key,
            fingerprint: of_submission(submission, recognition, sealing_key),
            join: recognition.join,
        })
    }
}

/// The user counts, so that nobody is told of what others ask for. Queues do not: they are the configuration's, which may change.
fn of_submission(
    submission: &Submission,
    recognition: &Recognition,
    sealing_key: &SealingKey,
) -> Fingerprint {
    let annotations = submission
        .annotations
        .as_ref()
        .map(|notes| Value::Object(notes.clone()).to_string());
    let stored: Vec<String> = submission
        .requests
        .iter()
        .map(|request| request.payload.to_stored())
        .collect();
    let head = [
        Some(&b"submission"[..]),
        Some(recognition.endpoint.as_bytes()),
        submission.user.as_deref().map(str::as_bytes),
        annotations.as_deref().map(str::as_bytes),
    ];
    let requests = submission.requests.iter().zip(&stored);
    let requests = requests.flat_map(|(request, stored)| {
        let secret = request.payload.secrets();
        [
            Some(stored.as_bytes()),
            secret.map(|(kind, _)| kind.name().as_bytes()),
            secret.map(|(_, value)| value.expose_secret().as_bytes()),
        ]
    });
    sealing_key.fingerprint(head.into_iter().chain(requests))
}
