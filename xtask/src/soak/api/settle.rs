//! Afterwards: what is stored, beside what the clients were told.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::MAX_PER_PAGE;
use super::caller::{Answer, Call, Caller};
use super::checks::{Check, Checks};
use super::fault::Faults;
use super::mine::Mine;
use super::payloads::marks;
use super::visitor::Told;

/// How many requests of each kind are looked for in their queues, and how many schemas are read.
const SAMPLES: usize = 200;

/// Compares everything that is stored with everything that was told.
pub(super) async fn settle(url: &str, told: &Told, faults: Faults) -> anyhow::Result<Checks> {
    let mut caller = Caller::new(url)?;
    let mut stock = Stock::new(told);
    let mut page = 1;
    loop {
        let list = get(
            &mut caller,
            "builds",
            &format!("builds?verbose=true&per_page={MAX_PER_PAGE}&page={page}"),
        )
        .await?
        .json();
        let items = list["items"].as_array().context("a list has items")?;
        for item in items {
            stock.take(item)?;
        }
        if list["meta"]["next"].is_null() {
            stock.close(&list["meta"]["total"]);
            break;
        }
        page += 1;
    }
    let Stock {
        mut checks,
        waiting,
        ended,
        ..
    } = stock;
    look_at_queues(&mut caller, &mut checks, &waiting, "waiting").await?;
    look_at_queues(&mut caller, &mut checks, &ended, "ended").await?;
    read_schemas(&mut caller, &mut checks, &told.accepted).await?;
    let distinct: BTreeSet<i64> = told.batches.iter().copied().collect();
    checks.expect(
        Check::BatchNumbers,
        distinct.len() == told.batches.len(),
        || {
            format!(
                "{} answers share {} batches",
                told.batches.len(),
                distinct.len()
            )
        },
    );
    let faults = usize::try_from(faults.count()).unwrap_or(usize::MAX);
    for after in 1..=faults {
        let accepted = told.accepted_after.get(&after).copied().unwrap_or_default();
        checks.expect(Check::ComesBack, accepted > 0, || {
            format!("nothing was accepted after fault {after}")
        });
    }
    Ok(checks)
}

async fn get(caller: &mut Caller, template: &'static str, path: &str) -> anyhow::Result<Answer> {
    let answer = caller.send(&Call::get(template, path)).await?;
    let answer = answer.with_context(|| format!("`{path}` got no answer"))?;
    ensure!(
        answer.status == 200,
        "`{path}` was answered with {}: {}",
        answer.status,
        answer.text
    );
    Ok(answer)
}

async fn read_schemas(
    caller: &mut Caller,
    checks: &mut Checks,
    accepted: &[Mine],
) -> anyhow::Result<()> {
    let with_schema = accepted
        .iter()
        .filter_map(|mine| Some((mine.id, mine.wanted.schema.as_ref()?)));
    for (id, schema) in with_schema.take(SAMPLES) {
        let path = format!("builds/{id}/deprecation-schema");
        let found = get(caller, "builds/{id}/deprecation-schema", &path).await?;
        checks.expect(Check::Schemas, found.text == *schema, || {
            format!("{path}: {:?} is not {schema:?}", found.text)
        });
    }
    Ok(())
}

async fn look_at_queues(
    caller: &mut Caller,
    checks: &mut Checks,
    numbers: &[i64],
    status: &str,
) -> anyhow::Result<()> {
    // Some of all ages.
    let step = (numbers.len() / SAMPLES).max(1);
    for id in numbers.iter().step_by(step) {
        let path = format!("builds/{id}/queue");
        let found = get(caller, "builds/{id}/queue", &path).await?.json();
        checks.expect(Check::Queues, found["status"] == status, || {
            format!("request {id} is {status}, and in its queue {found}")
        });
    }
    Ok(())
}

/// What is stored, taken one by one, newest first.
struct Stock<'a> {
    accepted: BTreeMap<i64, &'a Mine>,
    unclear: BTreeSet<&'a str>,
    checks: Checks,
    /// The last number that was seen.
    last: Option<i64>,
    seen: u64,
    waiting: Vec<i64>,
    ended: Vec<i64>,
}

impl<'a> Stock<'a> {
    fn new(told: &'a Told) -> Self {
        let mut checks = Checks::default();
        checks.require([
            Check::AllThere,
            Check::AsSubmitted,
            Check::AsReported,
            Check::NothingElse,
            Check::Gapless,
            Check::Queues,
        ]);
        let accepted: BTreeMap<i64, &Mine> =
            told.accepted.iter().map(|mine| (mine.id, mine)).collect();
        checks.expect(
            Check::AllThere,
            accepted.len() == told.accepted.len(),
            || "two accepted requests have the same number".to_owned(),
        );
        Self {
            accepted,
            unclear: told.unclear.iter().map(String::as_str).collect(),
            checks,
            last: None,
            seen: 0,
            waiting: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn take(&mut self, item: &Value) -> anyhow::Result<()> {
        let id = item["id"].as_i64().context("a request has a number")?;
        let follows = self.last.is_none_or(|last| last - 1 == id);
        self.checks.expect(Check::Gapless, follows, || {
            format!("{id} comes after {:?}", self.last)
        });
        self.last = Some(id);
        self.seen += 1;
        if item["state"] == "in_progress" {
            self.waiting.push(id);
        } else {
            self.ended.push(id);
        }
        let Some(mine) = self.accepted.remove(&id) else {
            let text = item.to_string();
            let known = marks(&text).is_some_and(|mark| self.unclear.remove(mark));
            self.checks.expect(Check::NothingElse, known, || {
                format!("nobody was told of {text}")
            });
            return Ok(());
        };
        self.checks
            .expect(Check::AsSubmitted, mine.shows_payload(item), || {
                format!("{} is stored as {item}", mine.wanted.body)
            });
        self.checks
            .expect(Check::AsReported, mine.may_be(item), || {
                format!("{:?} was reported, and stored is {item}", mine.known())
            });
        self.checks.expect(Check::AllThere, true, String::new);
        self.checks.expect(Check::NothingElse, true, String::new);
        Ok(())
    }

    /// Everything was taken.
    fn close(&mut self, total: &Value) {
        for id in self.accepted.keys() {
            self.checks.expect(Check::AllThere, false, || {
                format!("request {id} is missing")
            });
        }
        let (last, seen) = (self.last, self.seen);
        let complete = last == Some(1) && total.as_u64() == Some(seen);
        self.checks.expect(Check::Gapless, complete, || {
            format!("{seen} requests down to {last:?}, and the list says {total}")
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Check, Mine, Stock, Told};
    use crate::soak::api::dice::Dice;
    use crate::soak::api::payloads::{mark, valid};

    fn request(id: i64) -> (Mine, Value) {
        let mut dice = Dice::new(1, 1);
        let number = u32::try_from(id).unwrap();
        let wanted = valid(&mut dice, "builds/rm", mark(1, number, 0), None);
        let mut view = Value::Object(wanted.shown.clone());
        view["id"] = id.into();
        view["state"] = "in_progress".into();
        (Mine::accepted(&view, wanted, None).unwrap(), view)
    }

    /// The checks that fail when `stored` is found after 1 and 2 were accepted, and the answer to the submit of 3 was lost.
    fn failing(stored: &[Value]) -> String {
        let mut told = Told::default();
        told.accepted.extend([request(1).0, request(2).0]);
        told.unclear.insert(mark(1, 3, 0));
        let mut stock = Stock::new(&told);
        for item in stored {
            stock.take(item).unwrap();
        }
        stock.close(&json!(stored.len()));
        stock.checks.expect(Check::Queues, true, String::new);
        assert_eq!(
            stock.checks.report(),
            stock.checks.tally().ends_with(" 0 failed")
        );
        stock.checks.tally()
    }

    #[test]
    fn what_is_missing_doubled_changed_or_nobodys_is_found_out() {
        let [one, two, three] = [1, 2, 3].map(|id| request(id).1);
        let good = "6 checks passed, 0 failed";
        assert_eq!(failing(&[two.clone(), one.clone()]), good);
        assert_eq!(failing(&[three.clone(), two.clone(), one.clone()]), good);

        let one_fails = "5 checks passed, 1 failed";
        let mut stranger = request(4).1;
        stranger["id"] = 3.into();
        assert_eq!(failing(&[stranger, two.clone(), one.clone()]), one_fails);
        let mut doubled = three.clone();
        doubled["id"] = 4.into();
        assert_eq!(
            failing(&[doubled, three, two.clone(), one.clone()]),
            one_fails
        );
        let mut changed = two.clone();
        changed["from_index"] = "another:1".into();
        assert_eq!(failing(&[changed, one.clone()]), one_fails);
        let mut reported = two.clone();
        reported["state_reason"] = "nobody said so".into();
        assert_eq!(failing(&[reported, one]), one_fails);
        // Also a gap, as the list does not go down to 1.
        assert_eq!(failing(&[two]), "4 checks passed, 2 failed");
    }
}
