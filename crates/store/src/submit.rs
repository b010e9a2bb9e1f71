//! Accepting requests: everything they need to be finished is written in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use api::{Payload, RequestView, ResultFields, Secret, State, StateEntry};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _,
    FromQueryResult as _, QueryFilter as _, QueryTrait as _,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::announce;
use crate::entity::{batch, counter, job, request, secret};
use crate::error::{During as _, Error};
use crate::history;
use crate::images::{self, Operators};
use crate::known::{self, Span, Verdict};
use crate::open::Store;
use crate::recognition::{Marks, Recognition};
use crate::sealing::Fingerprint;
use crate::tag::full_name;
use crate::text::{key, storable};
use crate::writer::Scope;

/// The reason of the first history entry.
const ACCEPTED: &str = "The request was accepted and waits for a worker";

/// Rows per statement.
const CHUNK: usize = 32;

const ACTION: &str = "recording requests";

/// A request to accept.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What is asked for, with its secrets.
    pub payload: Payload,
    /// The queue it waits in; none is the default queue.
    pub queue: Option<String>,
}

/// Requests submitted together.
#[derive(Clone, Debug)]
pub struct Submission {
    /// At least one request, in the order of the answer.
    pub requests: Vec<NewRequest>,
    /// What the submitter noted on the batch.
    pub annotations: Option<Map<String, Value>>,
    /// Who submits them.
    pub user: Option<String>,
    /// Where in a trace they are submitted (a W3C `traceparent`); workers get it with the jobs.
    pub trace_context: Option<String>,
}

/// What came of a submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The requests, in the order of the submission.
    pub requests: Vec<RequestView>,
    /// Whether they had been submitted before: they are shown as they are now, and nothing was added to them.
    pub is_repeat: bool,
}

/// A submission with all that can be done to it before it is its turn.
pub(crate) struct Prepared {
    marks: Option<Marks>,
    requests: Vec<PreparedRequest>,
    annotations: Option<Map<String, Value>>,
    user: Option<String>,
    trace_context: Option<String>,
}

struct PreparedRequest {
    /// Without its secrets.
    payload: Payload,
    stored: String,
    secret: Option<(Secret, SecretString)>,
    queue: Option<String>,
}

impl Prepared {
    fn new(submission: Submission, marks: Option<Marks>) -> Self {
        let requests = submission.requests.into_iter().map(|request| {
            let payload = request.payload.without_secrets();
            PreparedRequest {
                stored: payload.to_stored(),
                secret: request
                    .payload
                    .secrets()
                    .map(|(kind, value)| (kind, value.clone())),
                payload,
                queue: request.queue,
            }
        });
        Self {
            marks,
            requests: requests.collect(),
            annotations: submission.annotations,
            user: submission.user,
            trace_context: submission.trace_context,
        }
    }

    pub(crate) fn marks(&self) -> Option<&Marks> {
        self.marks.as_ref()
    }

    /// What it is one with others by that are in flight, if it may be.
    pub(crate) fn joins_by(&self) -> Option<Fingerprint> {
        let marks = self.marks.as_ref().filter(|marks| marks.join)?;
        Some(marks.fingerprint)
    }

    /// How many requests it has.
    pub(crate) fn count(&self) -> i32 {
        i32::try_from(self.requests.len()).unwrap_or(i32::MAX)
    }
}

impl Store {
    /// Accepts requests as one batch: for each of them the row, the first history entry, the job and the sealed secret, all written
    /// together or not at all. Wakes a worker of this process per request. The answer has them in order, without their secrets; their
    /// numbers follow each other.
    ///
    /// Submissions that come at the same time share a transaction. One whose caller went away is written or not, as a whole.
    ///
    /// # Errors
    /// [`Error::Database`] when they could not be written; nothing is left behind.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<RequestView>, Error> {
        if submission.requests.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = Prepared::new(submission, None);
        Ok(self.0.writer.submit(prepared).await?.requests)
    }

    /// The same, unless the submission came before: then the answer is what it was answered with, as it is now, and nothing is written but
    /// its key. Of several that come at once, in several processes even, one is accepted.
    ///
    /// # Errors
    /// [`Error::KeyReused`] when its key means another submission of the same user; otherwise as for [`Self::submit`].
    pub async fn submit_once(
        &self,
        submission: Submission,
        recognition: &Recognition,
    ) -> Result<Submitted, Error> {
        if submission.requests.is_empty() {
            return Ok(Submitted {
                requests: Vec::new(),
                is_repeat: false,
            });
        }
        let sealing_key = &self.0.context.sealing_key;
        let marks = Marks::new(&submission, recognition, sealing_key);
        let prepared = Prepared::new(submission, marks);
        self.0.writer.submit(prepared).await
    }
}

/// Accepts submissions but for those that came before. The number of statements does not depend on how many there are, up to [`CHUNK`]
/// requests. The outer error is everybody's.
pub(crate) async fn accept(
    scope: &Scope<'_>,
    submissions: &[&Prepared],
) -> Result<Vec<Result<Submitted, Error>>, Error> {
    let mut verdicts = known::by_key(scope, submissions).await?;
    // Before the row that numbers are given from is held, so that two processes never wait for each other in a circle.
    record_images(scope, &new_ones(submissions, &verdicts)).await?;
    known::by_flight(scope, submissions, &mut verdicts).await?;
    let accepted = write_new(scope, &new_ones(submissions, &verdicts)).await?;

    let mut accepted = accepted.into_iter();
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(submissions.len());
    for verdict in &verdicts {
        outcomes.push(match verdict {
            Verdict::New => Outcome::Accepted(accepted.next().unwrap_or_default()),
            Verdict::SameAs(earlier) => match outcomes.get(*earlier) {
                Some(Outcome::Accepted(views)) => Outcome::Same(views.clone()),
                Some(other) => other.clone(),
                None => Outcome::Refused,
            },
            Verdict::Repeated(span) | Verdict::Joined(span) => Outcome::Known(span.clone()),
            Verdict::Reused => Outcome::Refused,
        });
    }
    let to_keep = submissions.iter().zip(&verdicts).zip(&outcomes);
    let to_keep = to_keep.filter_map(|((submission, verdict), outcome)| {
        let is_kept = matches!(verdict, Verdict::Repeated(_));
        Some((*submission, outcome.span().filter(|_| !is_kept)?))
    });
    known::keep_keys(scope, to_keep).await?;
    let spans = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Known(span) => Some(span.clone()),
        _ => None,
    });
    let views = known::read(scope, spans.collect()).await?;
    Ok(outcomes
        .into_iter()
        .map(|outcome| outcome.answer(&views))
        .collect())
}

/// What becomes of a submission.
#[derive(Clone)]
enum Outcome {
    Accepted(Vec<RequestView>),
    /// As one that was accepted together with it.
    Same(Vec<RequestView>),
    Known(Span),
    Refused,
}

impl Outcome {
    /// The requests that it is answered with.
    fn span(&self) -> Option<Span> {
        match self {
            Self::Accepted(views) | Self::Same(views) => Some(views.first()?.id..=views.last()?.id),
            Self::Known(span) => Some(span.clone()),
            Self::Refused => None,
        }
    }

    fn answer(self, known: &BTreeMap<i64, RequestView>) -> Result<Submitted, Error> {
        let (requests, is_repeat) = match self {
            Self::Accepted(views) => (views, false),
            Self::Same(views) => (views, true),
            Self::Known(span) => (
                known.range(span).map(|(_, view)| view.clone()).collect(),
                true,
            ),
            Self::Refused => return Err(Error::KeyReused),
        };
        Ok(Submitted {
            requests,
            is_repeat,
        })
    }
}

fn new_ones<'a>(submissions: &[&'a Prepared], verdicts: &[Verdict]) -> Vec<&'a Prepared> {
    let judged = submissions.iter().zip(verdicts);
    judged
        .filter(|(_, verdict)| **verdict == Verdict::New)
        .map(|(submission, _)| *submission)
        .collect()
}

fn payloads<'a>(submissions: &'a [&Prepared]) -> impl Iterator<Item = &'a Payload> {
    let requests = submissions.iter().flat_map(|batch| &batch.requests);
    requests.map(|request| &request.payload)
}

async fn record_images(scope: &Scope<'_>, submissions: &[&Prepared]) -> Result<(), Error> {
    let references = payloads(submissions).flat_map(Payload::image_references);
    images::record(scope, references.collect()).await
}

/// Writes submissions whose images are recorded.
async fn write_new(
    scope: &Scope<'_>,
    submissions: &[&Prepared],
) -> Result<Vec<Vec<RequestView>>, Error> {
    if submissions.is_empty() {
        return Ok(Vec::new());
    }
    let payloads = || payloads(submissions);
    let bundles: BTreeSet<&str> = payloads()
        .flat_map(Payload::bundles)
        .map(String::as_str)
        .collect();
    let operators = Operators::read(scope.transaction, bundles).await?;
    let mut numbers = Numbers::take(scope, payloads().count(), submissions.len()).await?;

    let mut rows = Rows::default();
    let mut views = Vec::with_capacity(submissions.len());
    for submission in submissions {
        views.push(rows.add(scope, submission, &mut numbers, &operators)?);
    }
    rows.write(scope).await?;
    scope.will_wake(payloads().count());
    for views in &views {
        announce::submitted(scope, views);
    }
    Ok(views)
}

/// Numbers for requests and batches. They are given in the order of the commits, without holes: who has seen a number has seen, or will
/// never see, all below it. The row they come from is written once per transaction, however many requests it has.
struct Numbers {
    request: i64,
    batch: i64,
}

impl Numbers {
    async fn take(scope: &Scope<'_>, requests: usize, batches: usize) -> Result<Self, Error> {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let (requests, batches) = (number(requests), number(batches));
        let more = |column, count| Expr::col(column).add(count);
        let mut take = counter::Entity::update_many()
            .col_expr(
                counter::Column::LastRequest,
                more(counter::Column::LastRequest, requests),
            )
            .col_expr(
                counter::Column::LastBatch,
                more(counter::Column::LastBatch, batches),
            )
            .col_expr(
                counter::Column::Requests,
                more(counter::Column::Requests, requests),
            )
            .filter(counter::Column::Id.eq(counter::THE_ROW))
            .into_query();
        let taken = scope
            .transaction
            .query_one(take.returning_all())
            .await
            .during(ACTION)?
            .ok_or(Error::NoCounter)?;
        let last = counter::Model::from_query_result(&taken, "").during(ACTION)?;
        Ok(Self {
            request: last.last_request - requests,
            batch: last.last_batch - batches,
        })
    }

    fn next_request(&mut self) -> i64 {
        self.request += 1;
        self.request
    }

    fn next_batch(&mut self) -> i64 {
        self.batch += 1;
        self.batch
    }
}

/// What is to be written.
#[derive(Default)]
struct Rows {
    batches: Vec<batch::ActiveModel>,
    requests: Vec<request::ActiveModel>,
    jobs: Vec<job::ActiveModel>,
    secrets: Vec<secret::ActiveModel>,
}

impl Rows {
    fn add(
        &mut self,
        scope: &Scope<'_>,
        submission: &Prepared,
        numbers: &mut Numbers,
        operators: &Operators,
    ) -> Result<Vec<RequestView>, Error> {
        let batch_id = numbers.next_batch();
        if submission.requests.len() > 1 {
            self.batches.push(batch::ActiveModel {
                id: Set(batch_id),
                requests: Set(submission.count()),
            });
        }
        let annotations = submission
            .annotations
            .as_ref()
            .map(|notes| serde_json::to_string(notes).expect("a JSON object is JSON"));
        let mut views = Vec::with_capacity(submission.requests.len());
        // The first one stands for all.
        let mut mark = submission.joins_by().map(Fingerprint::to_stored);
        for new in &submission.requests {
            let id = numbers.next_request();
            let entry = StateEntry {
                state: State::InProgress,
                state_reason: ACCEPTED.to_owned(),
                updated: scope.now,
            };
            let listed = new.payload.listed_from_index();
            self.requests.push(request::ActiveModel {
                id: Set(id),
                batch_id: Set(batch_id),
                request_type: Set(new.payload.request_type().number()),
                user_name: Set(submission.user.as_ref().map(|user| key(user).into_owned())),
                state: Set(State::InProgress.number()),
                state_reason: Set(ACCEPTED.to_owned()),
                submitted: Set(scope.now.as_microsecond()),
                updated: Set(scope.now.as_microsecond()),
                payload: Set(new.stored.clone()),
                result: Set("{}".to_owned()),
                history: Set(history::begin(&entry)),
                annotations: Set(annotations.clone()),
                from_index: Set(listed.map(|index| key(index).into_owned())),
                index_image: Set(None),
            });
            self.jobs.push(waiting(id, new, submission, mark.take()));
            if let Some((kind, value)) = &new.secret {
                let name = kind.name();
                self.secrets.push(secret::ActiveModel {
                    request_id: Set(id),
                    name: Set(name.to_owned()),
                    sealed: Set(scope.context.sealing_key.seal(id, name, value)?),
                });
            }
            views.push(RequestView {
                id,
                batch: batch_id,
                batch_annotations: submission.annotations.clone(),
                user: submission.user.clone(),
                state: entry.state,
                state_reason: entry.state_reason.clone(),
                updated: entry.updated,
                state_history: vec![entry],
                bundle_mapping: operators.mapping(new.payload.bundles()),
                payload: new.payload.clone(),
                result: ResultFields::default(),
            });
        }
        Ok(views)
    }

    async fn write(self, scope: &Scope<'_>) -> Result<(), Error> {
        insert::<batch::Entity, _>(scope, self.batches).await?;
        insert::<request::Entity, _>(scope, self.requests).await?;
        insert::<job::Entity, _>(scope, self.jobs).await?;
        insert::<secret::Entity, _>(scope, self.secrets).await
    }
}

fn waiting(
    request_id: i64,
    new: &PreparedRequest,
    submission: &Prepared,
    mark: Option<Vec<u8>>,
) -> job::ActiveModel {
    let overwritten = new.payload.overwritten_index();
    job::ActiveModel {
        request_id: Set(request_id),
        queue: Set(new.queue.as_ref().map(|queue| storable(queue).into_owned())),
        serial_key: Set(overwritten.map(|index| key(&full_name(index)).into_owned())),
        fence: Set(0),
        attempt: Set(0),
        lease_owner: Set(None),
        lease_began: Set(None),
        lease_expires: Set(None),
        checkpoint: Set(None),
        submission: Set(mark),
        dispatched: Set(None),
        user_name: Set(submission.user.as_ref().map(|user| key(user).into_owned())),
        retries: Set(0),
        held_until: Set(None),
        trace_context: Set(submission.trace_context.clone()),
    }
}

async fn insert<E, A>(scope: &Scope<'_>, rows: Vec<A>) -> Result<(), Error>
where
    E: sea_orm::EntityTrait,
    A: sea_orm::ActiveModelTrait<Entity = E> + Send,
{
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        E::insert_many(rows.by_ref().take(CHUNK))
            .exec_without_returning(scope.transaction)
            .await
            .during(ACTION)?;
    }
    Ok(())
}
