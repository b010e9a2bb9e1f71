//! One of the clients: what it sends, one request after the other, and what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::caller::{Answer, Body, Call, Caller};
use super::checks::{Check, Checks};
use super::dice::Dice;
use super::document::Document;
use super::fault::Faults;
use super::mine::Mine;
use super::payloads::{self, ADD_RM_BATCH, REGENERATE_BATCH, SECRET, TYPES, Wanted};
use super::{MAX_PER_PAGE, Shared, lists, refusals};

mod changes;

/// The longest pause before a service that is busy is asked again, whatever it wishes: the run is to go on.
const PAUSE: Duration = Duration::from_millis(200);

/// A client.
pub(super) struct Visitor {
    number: u32,
    user: Option<String>,
    dice: Dice,
    faults: Faults,
    caller: Caller,
    document: Arc<Document>,
    shared: Arc<Shared>,
    /// Its place in [`Told::accepted`], with its batch, of the newest request that was submitted alone.
    single: Option<(usize, i64)>,
    told: Told,
}

/// What clients were told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) accepted: Vec<Mine>,
    /// The batches of the answers to submits.
    pub(super) batches: Vec<i64>,
    /// The marks of submits of which nobody knows whether they were accepted.
    pub(super) unclear: BTreeSet<String>,
    /// How many were accepted after so many faults.
    pub(super) accepted_after: BTreeMap<usize, u64>,
    /// How many answers there were, by operation and status.
    pub(super) answered: BTreeMap<(String, u16), u64>,
    pub(super) longest: Duration,
    /// Requests whose answer was cut off.
    pub(super) lost: u64,
    pub(super) refused_connections: u64,
    pub(super) checks: Checks,
}

impl Told {
    pub(super) fn merge(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.batches.extend(other.batches);
        self.unclear.extend(other.unclear);
        for (after, count) in other.accepted_after {
            *self.accepted_after.entry(after).or_default() += count;
        }
        for (answer, count) in other.answered {
            *self.answered.entry(answer).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
        self.lost += other.lost;
        self.refused_connections += other.refused_connections;
        self.checks.merge(other.checks);
    }
}

impl Visitor {
    pub(super) fn new(
        number: u32,
        seed: u64,
        faults: Faults,
        url: &str,
        document: &Arc<Document>,
        shared: &Arc<Shared>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            number,
            // Every fifth has none.
            user: (!number.is_multiple_of(5)).then(|| format!("user-{}@EXAMPLE.TEST", number % 7)),
            dice: Dice::new(seed, number),
            faults,
            caller: Caller::new(url)?,
            document: Arc::clone(document),
            shared: Arc::clone(shared),
            single: None,
            told: Told::default(),
        })
    }

    /// Sends so many requests.
    pub(super) async fn visit(mut self, requests: u32) -> anyhow::Result<Told> {
        for request in 0..requests {
            self.send_one(request).await?;
            self.shared.done.fetch_add(1, Ordering::SeqCst);
        }
        self.told.refused_connections = self.caller.refused_connections;
        Ok(self.told)
    }

    async fn send_one(&mut self, request: u32) -> anyhow::Result<()> {
        match self.dice.below(100) {
            0..36 => self.submit(request).await,
            36..42 => self.submit_batch(request).await,
            42..52 => self.be_refused(request).await,
            52..66 => self.show().await,
            66..80 => self.list().await,
            80..88 => self.report(request).await,
            88..91 => self.be_refused_as_worker().await,
            91..94 => self.look_at_queue().await,
            94..97 => self.cancel().await,
            97..99 => self.read_schema().await,
            _ => self.look_around().await,
        }
    }

    /// Sends a request and judges the status of the answer. None when it was not served: the connection was lost, or the service cannot do
    /// it now.
    async fn exchange(&mut self, call: &Call, expected: &[u16]) -> anyhow::Result<Option<Answer>> {
        let started = Instant::now();
        let operation = call.operation();
        let Some(answer) = self.caller.send(call).await? else {
            self.told.lost += 1;
            let is_allowed = self.faults == Faults::Kill;
            self.told.checks.expect(Check::AsExpected, is_allowed, || {
                format!("{operation}: the connection was lost")
            });
            return Ok(None);
        };
        let status = answer.status;
        self.told.longest = self.told.longest.max(started.elapsed());
        let counted = (operation.clone(), status);
        *self.told.answered.entry(counted).or_default() += 1;
        let checks = &mut self.told.checks;
        let about = || {
            let text: String = answer.text.chars().take(300).collect();
            format!("{operation} {}: {status} {text}", call.path)
        };
        let documented = self.document.has(&operation, status);
        checks.expect(Check::Documented, documented, about);
        checks.expect(Check::NoSecrets, !answer.text.contains(SECRET), about);
        if status >= 500 {
            let is_allowed = match self.faults {
                Faults::None => false,
                Faults::Kill | Faults::Restart => {
                    // The contract has the healthcheck say 500.
                    answer.is(StatusCode::SERVICE_UNAVAILABLE) || call.template == "healthcheck"
                }
            };
            checks.expect(Check::AsExpected, is_allowed, about);
            if answer.is(StatusCode::SERVICE_UNAVAILABLE) {
                checks.expect(Check::Unavailable, answer.retry_after.is_some(), about);
            }
            let wished = Duration::from_secs(answer.retry_after.unwrap_or(1));
            tokio::time::sleep(wished.min(PAUSE)).await;
            return Ok(None);
        }
        let as_expected = expected.contains(&status);
        checks.expect(Check::AsExpected, as_expected, about);
        Ok(as_expected.then_some(answer))
    }

    /// Keeps what was accepted, if it was.
    async fn hand_in(&mut self, call: &Call, wanted: Vec<Wanted>) -> anyhow::Result<()> {
        let after = self.shared.faults();
        let Some(answer) = self.exchange(call, &[201]).await? else {
            let marks = wanted.into_iter().map(|wanted| wanted.mark);
            self.told.unclear.extend(marks);
            return Ok(());
        };
        let is_single = wanted.len() == 1 && !call.template.ends_with("-batch");
        let views = match answer.json() {
            serde_json::Value::Array(views) => views,
            view => vec![view],
        };
        let numbers: Vec<_> = views.iter().map(|view| view["id"].as_i64()).collect();
        let batch = views.first().and_then(|view| view["batch"].as_i64());
        let follow = numbers.windows(2).all(|pair| match pair {
            [Some(first), Some(second)] => first + 1 == *second,
            _ => false,
        });
        let same = views.iter().all(|view| view["batch"].as_i64() == batch);
        let checks = &mut self.told.checks;
        let is_whole = follow && same && batch.is_some() && views.len() == wanted.len();
        checks.expect(Check::BatchNumbers, is_whole, || {
            format!("{}: {numbers:?} of batch {batch:?}", call.path)
        });
        self.told.batches.extend(batch);
        for (view, wanted) in views.iter().zip(wanted) {
            let mine = Mine::accepted(view, wanted, self.user.clone())?;
            let checks = &mut self.told.checks;
            checks.expect(Check::OwnAnswers, mine.shows_payload(view), || {
                format!("{} was accepted as {view}", mine.wanted.body)
            });
            self.told.accepted.push(mine);
            *self.told.accepted_after.entry(after).or_default() += 1;
        }
        if is_single && let Some(batch) = batch {
            self.single = Some((self.told.accepted.len() - 1, batch));
        }
        Ok(())
    }

    async fn submit(&mut self, request: u32) -> anyhow::Result<()> {
        let path = TYPES[self.dice.below(TYPES.len())];
        let mark = payloads::mark(self.number, request, 0);
        let wanted = payloads::valid(&mut self.dice, path, mark, self.user.as_deref());
        let body = Body::Json(wanted.body.clone());
        let call = Call::post(path, self.user.clone(), body);
        self.hand_in(&call, vec![wanted]).await
    }

    async fn submit_batch(&mut self, request: u32) -> anyhow::Result<()> {
        let path = self.dice.one_of(ADD_RM_BATCH, &[REGENERATE_BATCH]);
        let items = 1 + self.dice.below(6);
        let marks = (0..items).map(|item| payloads::mark(self.number, request, item));
        let (wanted, body) = payloads::batch(&mut self.dice, path, marks, self.user.as_deref());
        let call = Call::post(path, self.user.clone(), Body::Json(body));
        self.hand_in(&call, wanted).await
    }

    async fn be_refused(&mut self, request: u32) -> anyhow::Result<()> {
        let mark = payloads::mark(self.number, request, 0);
        let refused = refusals::refused(&mut self.dice, mark, self.user.as_deref());
        let call = Call::post(refused.path, self.user.clone(), refused.body);
        self.exchange(&call, &[refused.status]).await.map(drop)
    }

    /// One of the requests it has, by its place.
    fn pick(&mut self) -> Option<usize> {
        let count = self.told.accepted.len();
        (count > 0).then(|| self.dice.below(count))
    }

    async fn show(&mut self) -> anyhow::Result<()> {
        let place = self.pick().filter(|_| !self.dice.chance(10));
        let Some(place) = place else {
            let call = Call::get("builds/{id}", "builds/999999999999");
            return self.exchange(&call, &[404]).await.map(drop);
        };
        let path = format!("builds/{}", self.told.accepted[place].id);
        let call = Call::get("builds/{id}", &path);
        if let Some(answer) = self.exchange(&call, &[200]).await? {
            let view = answer.json();
            let mine = &mut self.told.accepted[place];
            let as_known = mine.shows_payload(&view) && mine.sees(&view);
            let checks = &mut self.told.checks;
            checks.expect(Check::OwnAnswers, as_known, || {
                format!("{:?} is shown as {view}", mine.known())
            });
        }
        Ok(())
    }

    async fn list(&mut self) -> anyhow::Result<()> {
        let single = self
            .single
            .map(|(place, batch)| (&self.told.accepted[place], batch));
        let question = lists::question(&mut self.dice, self.user.as_deref(), single);
        let call = Call::get("builds", &format!("builds{}", question.query));
        let Some(answer) = self.exchange(&call, question.statuses).await? else {
            return Ok(());
        };
        if answer.is(StatusCode::OK) {
            let most = usize::try_from(MAX_PER_PAGE).unwrap_or(usize::MAX);
            let objection = question.objection(&answer.json(), most);
            let checks = &mut self.told.checks;
            checks.expect(Check::ListsInOrder, objection.is_none(), || {
                format!("{}: {objection:?}", call.path)
            });
        }
        Ok(())
    }

    async fn look_at_queue(&mut self) -> anyhow::Result<()> {
        let Some(place) = self.pick() else {
            let call = Call::get("builds/{id}/queue", "builds/999999999999/queue");
            return self.exchange(&call, &[404]).await.map(drop);
        };
        let path = format!("builds/{}/queue", self.told.accepted[place].id);
        let call = Call::get("builds/{id}/queue", &path);
        if let Some(answer) = self.exchange(&call, &[200]).await?
            && let Some(known) = self.told.accepted[place].certain()
        {
            let status = if known.is_final() { "ended" } else { "waiting" };
            let found = answer.json();
            let checks = &mut self.told.checks;
            checks.expect(Check::Queues, found["status"] == status, || {
                format!("{}: {found}, and it is {known:?}", call.path)
            });
        }
        Ok(())
    }

    async fn read_schema(&mut self) -> anyhow::Result<()> {
        let Some(place) = self.pick() else {
            return self.look_around().await;
        };
        // Mostly one with a schema; the others have none to give.
        let (before, after) = self.told.accepted.split_at(place);
        let mut further = after.iter().chain(before);
        let with_schema = further.find(|mine| mine.wanted.schema.is_some());
        let any = &self.told.accepted[place];
        let is_any = self.dice.chance(30);
        let mine = with_schema.filter(|_| !is_any).unwrap_or(any);
        let schema = mine.wanted.schema.clone();
        let path = format!("builds/{}/deprecation-schema", mine.id);
        let call = Call::get("builds/{id}/deprecation-schema", &path);
        let status = if schema.is_some() { 200 } else { 400 };
        if let Some(answer) = self.exchange(&call, &[status]).await?
            && let Some(schema) = schema
        {
            let checks = &mut self.told.checks;
            checks.expect(Check::Schemas, answer.text == schema, || {
                format!("{}: {:?} is not {schema:?}", call.path, answer.text)
            });
        }
        Ok(())
    }

    /// Something that needs no request of its own.
    async fn look_around(&mut self) -> anyhow::Result<()> {
        let (call, status) = match self.dice.below(4) {
            0 => (Call::get("healthcheck", "healthcheck"), 200),
            1 => (Call::get("openapi.json", "openapi.json"), 200),
            2 => (
                Call::get("builds/{id}/logs", "builds/999999999999/logs"),
                404,
            ),
            _ => {
                let path = "builds/999999999999/related_bundles";
                (Call::get("builds/{id}/related_bundles", path), 404)
            }
        };
        self.exchange(&call, &[status]).await.map(drop)
    }
}
