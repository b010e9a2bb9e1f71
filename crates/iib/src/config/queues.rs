//! `[queues]`: which queue a request goes to, and the broker that spreads them.

use std::collections::{BTreeMap, BTreeSet};

use queue::{Pace, Topology, TopologyError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use server::{Pattern, Queues, Target};

/// `[queues]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueuesSection {
    /// The broker that tells workers of jobs: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://…`. None: workers look into the store.
    #[serde(serialize_with = "super::store::hidden")]
    pub(crate) broker: Option<SecretString>,
    /// What becomes of a request that cannot be handed over to the broker.
    pub(crate) on_unreachable: OnUnreachable,
    /// What the names of queues begin with at the broker.
    pub(crate) prefix: String,
    /// Queues by user: `name`, or `SERIAL:name` for requests that overwrite their index and `PARALLEL:name` for the others.
    pub(crate) users: BTreeMap<PatternText, TargetText>,
}

/// What becomes of a request that cannot be handed over to the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnUnreachable {
    /// It waits.
    #[default]
    Wait,
    /// It fails.
    Fail,
}

impl Default for QueuesSection {
    fn default() -> Self {
        Self {
            broker: None,
            on_unreachable: OnUnreachable::default(),
            prefix: "iib.".to_owned(),
            users: BTreeMap::new(),
        }
    }
}

impl QueuesSection {
    /// The queues at the broker. Those that requests of a serial label go to are serial.
    pub(crate) fn topology(&self) -> Result<Topology, TopologyError> {
        Topology::new(self.prefix.clone(), self.paces())
    }

    /// Every queue of a user.
    fn paces(&self) -> impl Iterator<Item = (String, Pace)> {
        self.users.iter().flat_map(|(user, target)| {
            let serial = user.0.as_str().starts_with("SERIAL:");
            let pace = if serial { Pace::Serial } else { Pace::Parallel };
            target.0.names().map(move |name| (name.to_owned(), pace))
        })
    }

    /// The queues of which one request is worked on at a time.
    pub(crate) fn serial(&self) -> BTreeSet<String> {
        self.paces()
            .filter(|(_, pace)| *pace == Pace::Serial)
            .map(|(name, _)| name)
            .collect()
    }

    /// The queues of the API.
    pub(crate) fn queues(&self) -> Queues {
        let targets = self.users.iter();
        Queues::new(
            targets
                .map(|(user, target)| (user.0.clone(), target.0.clone()))
                .collect(),
        )
    }
}

/// A name or pattern in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct PatternText(pub(crate) Pattern);

impl TryFrom<String> for PatternText {
    type Error = server::EmptyPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A queue, or a table of queues by index with the key `all`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct TargetText(pub(crate) Target);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "the name of a queue, or a table of queues by index"
)]
enum Written {
    One(String),
    PerIndex(BTreeMap<PatternText, String>),
}

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the name of a queue must not be empty")]
    EmptyName,
    #[error("a table of queues by index needs the key `all`, the queue of every other index")]
    NoAll,
}

impl TryFrom<Written> for TargetText {
    type Error = TargetError;

    fn try_from(written: Written) -> Result<Self, TargetError> {
        let target = match written {
            Written::One(queue) => Target::One(queue),
            Written::PerIndex(mut queues) => {
                let all = queues
                    .iter()
                    .find(|(key, _)| key.0.as_str() == "all")
                    .map(|(key, _)| key.clone())
                    .ok_or(TargetError::NoAll)?;
                let all = queues.remove(&all).ok_or(TargetError::NoAll)?;
                let by_index = queues
                    .into_iter()
                    .map(|(key, queue)| (key.0, queue))
                    .collect();
                Target::PerIndex { by_index, all }
            }
        };
        if target.names().any(str::is_empty) {
            return Err(TargetError::EmptyName);
        }
        Ok(Self(target))
    }
}

impl From<PatternText> for String {
    fn from(text: PatternText) -> Self {
        text.0.as_str().to_owned()
    }
}

impl Serialize for TargetText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Target::One(queue) => serializer.serialize_str(queue),
            Target::PerIndex { by_index, all } => {
                let by_index = by_index
                    .iter()
                    .map(|(index, queue)| (index.as_str(), queue));
                serializer.collect_map(by_index.chain([("all", all)]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use queue::Pace;

    use super::{OnUnreachable, QueuesSection};

    #[test]
    fn queues_of_serial_labels_are_serial_and_the_rest_is_not() {
        let section: QueuesSection = toml::from_str(
            r#"broker = "amqp://alice:s3cr3t@mq"
               on_unreachable = "fail"
               prefix = "team."
               [users]
               "alice@X" = "one"
               "SERIAL:bot-*" = { all = "rest", "r/special:v1" = "one" }"#,
        )
        .unwrap();
        let topology = section.topology().unwrap();
        let queues: Vec<_> = topology.queues().collect();
        let expected = [
            ("default", Pace::Parallel),
            ("one", Pace::Serial),
            ("rest", Pace::Serial),
        ];
        assert_eq!(queues, expected);
        assert_eq!(section.on_unreachable, OnUnreachable::Fail);
        assert!(!format!("{section:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_user_has_one_queue_or_one_per_index() {
        let section: QueuesSection = toml::from_str(
            r#"[users]
               "alice@X" = "one"
               "SERIAL:bot-*" = { all = "rest", "r/special:v1" = "special" }"#,
        )
        .unwrap();
        let mut names: Vec<_> = section.queues().names().map(str::to_owned).collect();
        names.sort();
        assert_eq!(names, ["one", "rest", "special"]);
    }

    #[test]
    fn a_table_without_all_and_empty_names_are_refused() {
        for (text, part) in [
            (r#"users.a = { "r/i:1" = "x" }"#, "`all`"),
            (r#"users.a = """#, "must not be empty"),
            (r#"users."" = "x""#, "must not be empty"),
            ("users.a = 5", "a table of queues"),
        ] {
            let error = toml::from_str::<QueuesSection>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
