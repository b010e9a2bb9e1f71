//! Which queue a request goes to (section 9).

use std::collections::BTreeMap;

use api::{Payload, RequestType};

use crate::pattern::Pattern;

/// Queues by user (`IIB_USER_TO_QUEUE`). A key is `SERIAL:name` for requests that overwrite their index, `PARALLEL:name` for the others, or
/// a name alone for both; names may be patterns.
#[derive(Clone, Debug, Default)]
pub struct Queues(Vec<(Pattern, Target)>);

/// The queue of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One for everything.
    One(String),
    /// One per from-index, and one for the rest.
    PerIndex {
        /// The queue by pull spec, in full; patterns are allowed.
        by_index: Vec<(Pattern, String)>,
        /// The queue of everything else.
        all: String,
    },
}

impl Queues {
    /// Queues by the keys of the configuration.
    pub fn new(targets: BTreeMap<Pattern, Target>) -> Self {
        Self(targets.into_iter().collect())
    }

    /// Whether `queue` is somebody's.
    pub fn has(&self, queue: &str) -> bool {
        self.names().any(|name| name == queue)
    }

    /// The names of all queues, with repeats.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(_, target)| target.names())
    }

    /// The queue for a request of `user`; none is the default queue.
    pub(crate) fn choose(&self, user: Option<&str>, payload: &Payload) -> Option<String> {
        let user = user?;
        let pace = if payload.overwrites() {
            "SERIAL"
        } else {
            "PARALLEL"
        };
        let target = find(&self.0, &format!("{pace}:{user}")).or_else(|| find(&self.0, user))?;
        Some(target.queue(per_index_key(payload)).to_owned())
    }
}

impl Target {
    fn queue(&self, index: Option<&str>) -> &str {
        match self {
            Self::One(queue) => queue,
            Self::PerIndex { by_index, all } => {
                index.and_then(|index| find(by_index, index)).unwrap_or(all)
            }
        }
    }

    /// The names of all its queues.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (one, listed) = match self {
            Self::One(queue) => (queue, &[][..]),
            Self::PerIndex { by_index, all } => (all, by_index.as_slice()),
        };
        std::iter::once(one.as_str()).chain(listed.iter().map(|(_, queue)| queue.as_str()))
    }
}

/// The index by which a queue is chosen: only of the submits that take one to change.
fn per_index_key(payload: &Payload) -> Option<&str> {
    match payload.request_type() {
        RequestType::Add
        | RequestType::Rm
        | RequestType::FbcOperations
        | RequestType::AddDeprecations => payload.from_index(),
        RequestType::Generic
        | RequestType::RegenerateBundle
        | RequestType::MergeIndexImage
        | RequestType::CreateEmptyIndex
        | RequestType::RecursiveRelatedBundles => None,
    }
}

/// The entry that names `text` exactly, else the first whose pattern fits.
fn find<'a, T>(entries: &'a [(Pattern, T)], text: &str) -> Option<&'a T> {
    let exact = entries.iter().find(|(pattern, _)| pattern.as_str() == text);
    let fitting = || entries.iter().find(|(pattern, _)| pattern.fits(text));
    exact.or_else(fitting).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use api::{Payload, RequestType, Rules};
    use serde_json::json;

    use super::{Queues, Target};

    fn queues() -> Queues {
        let one = |queue: &str| Target::One(queue.to_owned());
        let per_index = Target::PerIndex {
            by_index: vec![
                ("r/special:v1".parse().unwrap(), "special".to_owned()),
                ("r/team-*".parse().unwrap(), "team".to_owned()),
            ],
            all: "all".to_owned(),
        };
        Queues::new(BTreeMap::from([
            ("plain".parse().unwrap(), one("queue-plain")),
            ("SERIAL:split".parse().unwrap(), one("queue-serial")),
            ("SERIAL:bot-*".parse().unwrap(), one("queue-bots")),
            ("bot-7".parse().unwrap(), one("queue-seven")),
            ("indexed".parse().unwrap(), per_index),
        ]))
    }

    fn rm(from_index: &str, overwrite: bool) -> Payload {
        let body = json!({"operators": ["op"], "from_index": from_index, "binary_image": "r/o:1", "overwrite_from_index": overwrite});
        Payload::parse(
            RequestType::Rm,
            body.as_object().unwrap(),
            &Rules::default(),
        )
        .unwrap()
        .unwrap()
    }

    #[test]
    fn the_label_counts_before_the_name_and_an_exact_key_before_a_pattern() {
        let choose = |user, overwrite| queues().choose(user, &rm("r/i:1", overwrite));
        assert_eq!(choose(None, true), None);
        assert_eq!(choose(Some("nobody"), true), None);
        assert_eq!(choose(Some("plain"), true).as_deref(), Some("queue-plain"));
        assert_eq!(choose(Some("split"), true).as_deref(), Some("queue-serial"));
        assert_eq!(choose(Some("split"), false), None);
        assert_eq!(choose(Some("bot-7"), true).as_deref(), Some("queue-bots"));
        assert_eq!(choose(Some("bot-7"), false).as_deref(), Some("queue-seven"));
    }

    #[test]
    fn an_index_may_have_a_queue_of_its_own() {
        let choose = |index| queues().choose(Some("indexed"), &rm(index, false));
        assert_eq!(choose("r/special:v1").as_deref(), Some("special"));
        assert_eq!(choose("r/team-a/i:1").as_deref(), Some("team"));
        assert_eq!(choose("r/special:v2").as_deref(), Some("all"));
        assert!(queues().has("team") && !queues().has("queue"));
    }
}
