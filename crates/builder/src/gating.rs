//! Asking a gating service (Greenwave) whether bundles may be added (spec workflows 2.12).

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::PullSpec;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::Error;
use crate::stages::bundles::FoundBundle;

/// How long one answer may take unless somebody says otherwise. It is not asked twice.
const TIME: Duration = Duration::from_secs(30);

/// The most of an answer that is read, in bytes.
const ANSWER_BYTES: usize = 1 << 20;

/// What names a bundle to the service: these labels, with hyphens between.
const SUBJECT_LABELS: [&str; 3] = ["com.redhat.component", "version", "release"];

/// A gating service, and what is asked of bundles there, by a name that requests choose it by.
#[derive(Clone, Debug)]
pub struct Gating {
    http: reqwest::Client,
    /// How long one answer may take.
    time: Duration,
    url: Url,
    policies: BTreeMap<String, GatingPolicy>,
}

/// What decides about a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatingPolicy {
    /// The decision asked for.
    pub decision_context: String,
    /// The product that the bundle is for.
    pub product_version: String,
    /// The kind of the service's subjects that bundles are.
    pub subject_type: String,
}

/// Why bundles may not be added, or why that cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatingError {
    /// The address of the service is none.
    #[error(
        "`{0}` is no address of a gating service; write one of HTTP or HTTPS, such as `https://greenwave.example.com/api/v1.0`"
    )]
    Address(String),
    /// The service cannot be asked at all.
    #[error("the client for the gating service could not be set up")]
    Setup(#[source] reqwest::Error),
    /// A bundle lacks a label that names it to the service.
    #[error(
        "the bundle `{bundle}` lacks the label `{label}`, by which the gating service knows it; build the bundle with it"
    )]
    Label {
        /// The bundle.
        bundle: Box<PullSpec>,
        /// The label.
        label: &'static str,
    },
    /// It did not answer.
    #[error(
        "the gating service `{url}` did not answer about the bundle `{bundle}`; submit the request again when it does"
    )]
    Silent {
        /// The service.
        url: Box<Url>,
        /// The bundle.
        bundle: Box<PullSpec>,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// It did not decide.
    #[error("the gating service `{url}` gave no decision about the bundle `{bundle}`: {answer}")]
    NoDecision {
        /// The service.
        url: Box<Url>,
        /// The bundle.
        bundle: Box<PullSpec>,
        /// What it said.
        answer: String,
    },
    /// It decided against bundles.
    #[error(
        "the gating service does not let {} through for the decision `{}` on `{}` ({}); have the tests pass or waived first",
        list(refused),
        policy.decision_context,
        policy.product_version,
        policy.subject_type
    )]
    Unsatisfied {
        /// The bundles with the test cases that are not satisfied.
        refused: Vec<(PullSpec, Vec<String>)>,
        /// What was asked.
        policy: Box<GatingPolicy>,
    },
}

fn list(refused: &[(PullSpec, Vec<String>)]) -> String {
    let one = |(bundle, tests): &(PullSpec, Vec<String>)| {
        if tests.is_empty() {
            format!("`{bundle}`")
        } else {
            format!("`{bundle}` (not satisfied: {})", tests.join(", "))
        }
    };
    refused.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct Question<'question> {
    #[serde(flatten)]
    policy: &'question GatingPolicy,
    subject_identifier: String,
}

#[derive(Deserialize)]
struct Decision {
    policies_satisfied: bool,
    #[serde(default)]
    unsatisfied_requirements: Vec<Requirement>,
}

#[derive(Deserialize)]
struct Requirement {
    #[serde(default)]
    testcase: Option<String>,
}

impl Gating {
    /// The service at `url`, and the policies.
    ///
    /// # Errors
    /// [`GatingError::Address`], and [`GatingError::Setup`] when no client can be made.
    pub fn new(url: &str, policies: BTreeMap<String, GatingPolicy>) -> Result<Self, GatingError> {
        let parsed: Option<Url> = url.parse().ok();
        let url = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| GatingError::Address(url.to_owned()))?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(GatingError::Setup)?;
        Ok(Self {
            http,
            time: TIME,
            url,
            policies,
        })
    }

    /// The same, with another time that one answer may take than the 30 seconds of the specification.
    #[must_use]
    pub fn answering_within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&GatingPolicy> {
        self.policies.get(name)
    }

    /// Asks about every bundle, a few at a time, and refuses them together.
    pub(crate) async fn check(
        &self,
        policy: &GatingPolicy,
        bundles: &[FoundBundle],
        concurrency: usize,
    ) -> Result<(), Error> {
        let decisions: Vec<Option<(PullSpec, Vec<String>)>> = stream::iter(bundles.to_vec())
            .map(|bundle| async move { self.ask(policy, &bundle).await })
            .buffered(concurrency)
            .try_collect()
            .await?;
        let refused: Vec<_> = decisions.into_iter().flatten().collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(Error::from(GatingError::Unsatisfied {
            refused,
            policy: Box::new(policy.clone()),
        }))
    }

    /// What is not satisfied about a bundle; none if it may pass.
    async fn ask(
        &self,
        policy: &GatingPolicy,
        bundle: &FoundBundle,
    ) -> Result<Option<(PullSpec, Vec<String>)>, GatingError> {
        let name = || Box::new(bundle.written.clone());
        let silent = |source| GatingError::Silent {
            url: Box::new(self.url.clone()),
            bundle: name(),
            source,
        };
        let question = Question {
            policy,
            subject_identifier: subject(bundle)?,
        };
        let place = format!("{}/decision", self.url.as_str().trim_end_matches('/'));
        let call = self.http.post(place).timeout(self.time).json(&question);
        let mut answer = call.send().await.map_err(silent)?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(silent)? {
            text.extend_from_slice(&piece);
            if text.len() > ANSWER_BYTES {
                text.truncate(ANSWER_BYTES);
                break;
            }
        }
        let no_decision = |answer: String| GatingError::NoDecision {
            url: Box::new(self.url.clone()),
            bundle: name(),
            answer,
        };
        if !status.is_success() {
            return Err(no_decision(format!("{status}, {}", message(&text))));
        }
        let decision: Decision = serde_json::from_slice(&text)
            .map_err(|error| no_decision(format!("its answer cannot be read: {error}")))?;
        if decision.policies_satisfied {
            return Ok(None);
        }
        let tests = decision.unsatisfied_requirements.into_iter();
        let tests = tests.filter_map(|requirement| requirement.testcase);
        Ok(Some((bundle.written.clone(), tests.collect())))
    }
}

/// The name that the service knows a bundle by.
fn subject(bundle: &FoundBundle) -> Result<String, GatingError> {
    let labels = bundle.platform.config.labels();
    let parts: Result<Vec<&str>, GatingError> = SUBJECT_LABELS
        .into_iter()
        .map(|label| {
            let value = labels.get(label).map(String::as_str);
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| GatingError::Label {
                    bundle: Box::new(bundle.written.clone()),
                    label,
                })
        })
        .collect();
    Ok(parts?.join("-"))
}

/// What an error answer says: its field `message`, or else the first of its text.
fn message(text: &[u8]) -> String {
    const SHOWN: usize = 500;
    let parsed: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    let said = parsed
        .as_ref()
        .and_then(|answer| answer["message"].as_str());
    match said {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(text).chars().take(SHOWN).collect(),
    }
}
