//! Submissions that came before: by a key of their user, or because the same is in flight. They are looked for in the transaction that
//! would accept them, so that of two that come at once one is accepted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use api::RequestView;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::claim::end_of;
use crate::entity::{counter, job, request, submit_key};
use crate::error::{During as _, Error};
use crate::filter::Form;
use crate::images::padded;
use crate::open::Store;
use crate::read;
use crate::sealing::Fingerprint;
use crate::submit::Prepared;
use crate::writer::{Operation, Scope};

/// Values or rows per statement.
const CHUNK: usize = 256;

const ACTION: &str = "looking for a submission that came before";

/// Requests whose numbers follow each other.
pub(crate) type Span = RangeInclusive<i64>;

/// What is to be done with one of several submissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is accepted.
    New,
    /// It is what this one of those before it is.
    SameAs(usize),
    /// These requests are the answer, as its key says.
    Repeated(Span),
    /// These requests are the answer, as they have not ended.
    Joined(Span),
    /// Its key means another submission.
    Reused,
}

/// Judges submissions by their keys.
pub(crate) async fn by_key(
    scope: &Scope<'_>,
    submissions: &[&Prepared],
) -> Result<Vec<Verdict>, Error> {
    let keys = submissions
        .iter()
        .filter_map(|one| Some(one.marks()?.key?.fingerprint));
    let kept = kept(scope, keys.collect()).await?;
    let mut first: HashMap<Fingerprint, usize> = HashMap::new();
    let verdicts = submissions.iter().enumerate().map(|(at, one)| {
        let Some((marks, key)) = one.marks().and_then(|marks| Some((marks, marks.key?))) else {
            return Verdict::New;
        };
        if let Some(row) = kept.get(&key.fingerprint.to_stored()) {
            return if marks.fingerprint.is(&row.submission) {
                Verdict::Repeated(span(row.request_id, row.requests))
            } else {
                Verdict::Reused
            };
        }
        let earlier = *first.entry(key.fingerprint).or_insert(at);
        match submissions[earlier].marks() {
            _ if earlier == at => Verdict::New,
            Some(same) if same.fingerprint == marks.fingerprint => Verdict::SameAs(earlier),
            Some(_) | None => Verdict::Reused,
        }
    });
    Ok(verdicts.collect())
}

/// The keys among `keys` that are still kept.
async fn kept(
    scope: &Scope<'_>,
    keys: HashSet<Fingerprint>,
) -> Result<HashMap<Vec<u8>, submit_key::Model>, Error> {
    let mut keys: Vec<Fingerprint> = keys.into_iter().collect();
    keys.sort_unstable();
    let mut kept = HashMap::new();
    for chunk in keys.chunks(CHUNK) {
        let stored = padded(chunk).into_iter().map(Fingerprint::to_stored);
        let rows = submit_key::Entity::find()
            .filter(submit_key::Column::Key.is_in(stored))
            .filter(submit_key::Column::Expires.gt(scope.now.as_microsecond()))
            .all(scope.transaction)
            .await
            .during(ACTION)?;
        kept.extend(rows.into_iter().map(|row| (row.key.clone(), row)));
    }
    Ok(kept)
}

/// Judges those that are new so far by what is in flight.
pub(crate) async fn by_flight(
    scope: &Scope<'_>,
    submissions: &[&Prepared],
    verdicts: &mut [Verdict],
) -> Result<(), Error> {
    let joining: Vec<(usize, Fingerprint)> = submissions
        .iter()
        .zip(verdicts.iter())
        .enumerate()
        .filter(|(_, (_, verdict))| **verdict == Verdict::New)
        .filter_map(|(at, (one, _))| Some((at, one.joins_by()?)))
        .collect();
    if joining.is_empty() {
        return Ok(());
    }
    // Whoever submits in another process comes before this or after it: both change the row that numbers are given from.
    counter::Entity::find_by_id(counter::THE_ROW)
        .lock_exclusive()
        .one(scope.transaction)
        .await
        .during(ACTION)?;
    let in_flight = in_flight(scope, joining.iter().map(|(_, mark)| *mark).collect()).await?;
    let mut first: HashMap<Fingerprint, usize> = HashMap::new();
    for (at, mark) in joining {
        let span = in_flight
            .get(&mark.to_stored())
            .map(|id| span(*id, submissions[at].count()));
        let earlier = *first.entry(mark).or_insert(at);
        if earlier != at {
            verdicts[at] = Verdict::SameAs(earlier);
        } else if let Some(span) = span
            && nothing_ended(scope, &span).await?
        {
            verdicts[at] = Verdict::Joined(span);
        }
    }
    Ok(())
}

/// The newest unfinished request that begins a submission like one of these.
async fn in_flight(
    scope: &Scope<'_>,
    marks: HashSet<Fingerprint>,
) -> Result<HashMap<Vec<u8>, i64>, Error> {
    let mut marks: Vec<Fingerprint> = marks.into_iter().collect();
    marks.sort_unstable();
    let mut found = HashMap::new();
    for chunk in marks.chunks(CHUNK) {
        let stored = padded(chunk).into_iter().map(Fingerprint::to_stored);
        let rows: Vec<(Vec<u8>, i64)> = job::Entity::find()
            .select_only()
            .column(job::Column::Submission)
            .column_as(job::Column::RequestId.max(), "newest")
            .filter(job::Column::Submission.is_in(stored))
            .group_by(job::Column::Submission)
            .into_tuple()
            .all(scope.transaction)
            .await
            .during(ACTION)?;
        found.extend(rows);
    }
    Ok(found)
}

/// Whether all of the requests have jobs yet.
async fn nothing_ended(scope: &Scope<'_>, span: &Span) -> Result<bool, Error> {
    let (first, last) = (*span.start(), *span.end());
    if first == last {
        return Ok(true);
    }
    let jobs = job::Entity::find()
        .filter(job::Column::RequestId.between(first, last))
        .count(scope.transaction)
        .await
        .during(ACTION)?;
    Ok(i64::try_from(jobs).is_ok_and(|jobs| jobs == last - first + 1))
}

/// Keeps the keys of submissions, each with the requests it means from now on.
pub(crate) async fn keep_keys(
    scope: &Scope<'_>,
    submissions: impl Iterator<Item = (&Prepared, Span)>,
) -> Result<(), Error> {
    // In order, so that two processes never wait for each other in a circle; each once.
    let mut rows = BTreeMap::new();
    for (submission, span) in submissions {
        if let Some((marks, key)) = submission
            .marks()
            .and_then(|marks| Some((marks, marks.key?)))
        {
            rows.entry(key.fingerprint)
                .or_insert_with(|| submit_key::ActiveModel {
                    key: Set(key.fingerprint.to_stored()),
                    submission: Set(marks.fingerprint.to_stored()),
                    request_id: Set(*span.start()),
                    requests: Set(submission.count()),
                    expires: Set(end_of(scope.now, key.keep)),
                });
        }
    }
    let rows: Vec<_> = rows.into_values().collect();
    for chunk in rows.chunks(CHUNK) {
        use submit_key::Column;
        let over = Expr::col((submit_key::Entity, Column::Expires)).lte(scope.now.as_microsecond());
        let mut replace = OnConflict::column(Column::Key);
        replace
            .update_columns([
                Column::Submission,
                Column::RequestId,
                Column::Requests,
                Column::Expires,
            ])
            .action_and_where(over);
        let written = submit_key::Entity::insert_many(chunk.to_vec())
            .on_conflict(replace)
            .exec_without_returning(scope.transaction)
            .await
            .during("keeping the key of a submission")?;
        if usize::try_from(written) != Ok(chunk.len()) {
            return Err(Error::KeyTaken);
        }
    }
    Ok(())
}

/// The requests of each span, as they are now.
pub(crate) async fn read(
    scope: &Scope<'_>,
    spans: Vec<Span>,
) -> Result<BTreeMap<i64, RequestView>, Error> {
    let mut ids: Vec<i64> = spans.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut views = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows = request::Entity::find()
            .filter(request::Column::Id.is_in(padded(chunk)))
            .order_by_asc(request::Column::Id)
            .all(scope.transaction)
            .await
            .during(ACTION)?;
        let read = read::assemble(scope.transaction, rows, Form::Verbose).await?;
        views.extend(read.into_iter().map(|view| (view.id, view)));
    }
    Ok(views)
}

fn span(first: i64, count: i32) -> Span {
    first..=first.saturating_add(i64::from(count) - 1)
}

impl Store {
    /// Forgets the keys of submissions whose time is over, and says how many those were. They mean nothing any more before that.
    ///
    /// # Errors
    /// [`Error::Database`]; what was forgotten before that stays forgotten.
    pub async fn forget_keys(&self) -> Result<u64, Error> {
        let mut forgotten = 0;
        loop {
            let due = submit_key::Entity::find()
                .filter(submit_key::Column::Expires.lte(self.now().as_microsecond()))
                .limit(1)
                .one(self.readers())
                .await
                .during(FORGETTING)?;
            if due.is_none() {
                return Ok(forgotten);
            }
            // In parts, so that submits in between do not wait for long.
            let part = self.write(Forget).await?;
            forgotten += part;
            if part < CHUNK as u64 {
                return Ok(forgotten);
            }
        }
    }
}

/// Forgets the keys of submissions all of whose requests are among `refused`: their submitters were told that they came to nothing, and may
/// send the same again.
pub(crate) async fn forget_refused(scope: &Scope<'_>, refused: &[i64]) -> Result<(), Error> {
    let all: HashSet<i64> = refused.iter().copied().collect();
    for chunk in refused.chunks(CHUNK) {
        let rows = submit_key::Entity::find()
            .filter(submit_key::Column::RequestId.is_in(padded(chunk)))
            .all(scope.transaction)
            .await
            .during(FORGETTING)?;
        let whole = rows
            .into_iter()
            .filter(|row| span(row.request_id, row.requests).all(|id| all.contains(&id)));
        let keys: Vec<Vec<u8>> = whole.map(|row| row.key).collect();
        if !keys.is_empty() {
            submit_key::Entity::delete_many()
                .filter(submit_key::Column::Key.is_in(keys))
                .exec(scope.transaction)
                .await
                .during(FORGETTING)?;
        }
    }
    Ok(())
}

const FORGETTING: &str = "forgetting keys of submissions";

struct Forget;

#[async_trait::async_trait]
impl Operation for Forget {
    type Output = u64;

    async fn run(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let over: Vec<Vec<u8>> = submit_key::Entity::find()
            .select_only()
            .column(submit_key::Column::Key)
            .filter(submit_key::Column::Expires.lte(scope.now.as_microsecond()))
            .limit(CHUNK as u64)
            .into_tuple()
            .all(scope.transaction)
            .await
            .during(FORGETTING)?;
        let deleted = submit_key::Entity::delete_many()
            .filter(submit_key::Column::Key.is_in(over))
            // One of them may have come to mean something else in between.
            .filter(submit_key::Column::Expires.lte(scope.now.as_microsecond()))
            .exec(scope.transaction)
            .await
            .during(FORGETTING)?;
        Ok(deleted.rows_affected)
    }
}
