//! Lists that are asked for while everything changes, and what must hold of them nevertheless.

use serde_json::Value;

use super::dice::Dice;
use super::mine::Mine;
use super::payloads;

/// A list, the statuses its answer may have, and what its items have in common.
pub(super) struct Question {
    pub(super) query: String,
    pub(super) statuses: &'static [u16],
    common: Common,
    per_page: usize,
}

enum Common {
    Anything,
    Equal(&'static str, String),
    Prefix(&'static str, String),
    /// A batch with nothing but this request in it.
    Only(i64),
}

/// The page size nobody asks for.
const DEFAULT: usize = 20;

/// One of many lists. `single` is a request of the client's own that was submitted alone, if it has one.
pub(super) fn question(
    dice: &mut Dice,
    user: Option<&str>,
    single: Option<(&Mine, i64)>,
) -> Question {
    let plain = |query: &str| Question {
        query: query.to_owned(),
        statuses: &[200],
        common: Common::Anything,
        per_page: DEFAULT,
    };
    let refused = |query: &str, statuses: &'static [u16]| Question {
        statuses,
        ..plain(query)
    };
    let equal =
        |query: String, key: &'static str, value: &str, statuses: &'static [u16]| Question {
            query,
            statuses,
            common: Common::Equal(key, value.to_owned()),
            per_page: DEFAULT,
        };
    match dice.below(14) {
        0 | 1 => plain(""),
        2 => Question {
            per_page: 50,
            ..plain("?verbose=true&per_page=50")
        },
        // As many as there are by then.
        3 => refused(&format!("?page={}", 1 + dice.below(40)), &[200, 404]),
        4 => {
            let state = dice.one_of("in_progress", &["complete", "failed"]);
            equal(format!("?state={state}"), "state", state, &[200])
        }
        5 => {
            let kind = dice.one_of("add", &["rm", "fbc-operations", "merge-index-image"]);
            equal(
                format!("?request_type={kind}"),
                "request_type",
                kind,
                &[200],
            )
        }
        6 => match user {
            Some(user) => equal(format!("?user={user}&verbose=1"), "user", user, &[200]),
            None => plain("?user="),
        },
        7 => {
            let index = payloads::index(dice);
            // Not known before somebody named it.
            equal(
                format!("?from_index={index}"),
                "from_index",
                &index,
                &[200, 400],
            )
        }
        8 => {
            let prefix = "registry.example.test/soak-inputs/index:v4.1";
            Question {
                query: format!("?from_index_startswith={prefix}"),
                statuses: &[200, 400],
                common: Common::Prefix("from_index", prefix.to_owned()),
                per_page: DEFAULT,
            }
        }
        9 | 10 => match single {
            Some((mine, batch)) => Question {
                common: Common::Only(mine.id),
                ..plain(&format!("?batch={batch}"))
            },
            None => plain("?per_page=3000000000"),
        },
        11 => refused(
            dice.one_of(
                "?state=nonsense",
                &["?batch=x", "?request_type=add_deprecations"],
            ),
            &[400],
        ),
        12 => refused(
            "?index_image=registry.example.test/nobody/knows:this",
            &[400],
        ),
        _ => refused(
            dice.one_of("?page=0", &["?per_page=0", "?page=99999999999"]),
            &[404],
        ),
    }
}

impl Question {
    /// What is wrong with an answer of status 200, if anything is.
    pub(super) fn objection(&self, answer: &Value, max_per_page: usize) -> Option<String> {
        let Some(items) = answer["items"].as_array() else {
            return Some("it has no items".to_owned());
        };
        let numbers: Vec<i64> = items
            .iter()
            .filter_map(|item| item["id"].as_i64())
            .collect();
        if numbers.len() != items.len() || !numbers.is_sorted_by(|a, b| a > b) {
            return Some(format!("its numbers are {numbers:?}"));
        }
        let at_most = if self.query.contains("per_page=") && self.per_page == DEFAULT {
            max_per_page
        } else {
            self.per_page
        };
        if items.len() > at_most {
            return Some(format!("it has {} items", items.len()));
        }
        let fits = |item: &Value| match &self.common {
            Common::Anything => true,
            Common::Equal(key, value) => item[*key] == value.as_str(),
            Common::Prefix(key, value) => item[*key]
                .as_str()
                .is_some_and(|text| text.starts_with(value)),
            Common::Only(id) => item["id"] == *id && items.len() == 1,
        };
        if let Some(item) = items.iter().find(|item| !fits(item)) {
            return Some(format!("it has {item}"));
        }
        let is_missing = matches!(self.common, Common::Only(_)) && items.is_empty();
        is_missing.then(|| "it lacks the request that is in it".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Common, Question};

    #[test]
    fn lists_out_of_order_with_strangers_or_without_the_one_are_found_out() {
        let question = |common| Question {
            query: String::new(),
            statuses: &[200],
            common,
            per_page: 2,
        };
        let list = |ids: &[i64]| {
            let items: Vec<_> = ids
                .iter()
                .map(|id| json!({"id": id, "state": "failed"}))
                .collect();
            json!({"items": items})
        };
        let objection = |common, ids: &[i64]| question(common).objection(&list(ids), 200);
        assert_eq!(objection(Common::Anything, &[3, 1]), None);
        assert!(objection(Common::Anything, &[1, 3]).is_some());
        assert!(objection(Common::Anything, &[3, 3]).is_some());
        assert!(objection(Common::Anything, &[3, 2, 1]).is_some());
        assert_eq!(
            objection(Common::Equal("state", "failed".to_owned()), &[3]),
            None
        );
        assert!(objection(Common::Equal("state", "complete".to_owned()), &[3]).is_some());
        assert!(objection(Common::Prefix("state", "x".to_owned()), &[3]).is_some());
        assert_eq!(objection(Common::Only(3), &[3]), None);
        assert!(objection(Common::Only(3), &[]).is_some());
        assert!(objection(Common::Only(3), &[3, 2]).is_some());
    }
}
