//! Lists of requests, page by page. Their cost depends neither on how many requests there are nor on how far back a page is, as long as
//! they are not filtered; a filter counts the entries of its index, and skips those before a page that is asked for by its number.

use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseConnection, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
};

use crate::entity::{counter, image, request};
use crate::error::{During as _, Error};
use crate::filter::{ListFilter, Listing, Page, Stretch};
use crate::open::Store;
use crate::read::{ACTION, again, assemble};
use crate::share::Questions;
use crate::text::{end_of_prefix, key};

/// Parts of lists that are asked for.
pub(crate) type Lists = Questions<(ListFilter, Part), Listing>;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Page(Page),
    Stretch(Stretch),
}

impl Store {
    /// One page of the requests that fit a filter, newest first. Callers who ask for the same page at the same time share the answer.
    ///
    /// # Errors
    /// [`Error::UnknownImage`] when a filter names an image no request ever mentioned; [`Error::Database`] and [`Error::Unreadable`]
    /// as for [`Self::request`].
    pub async fn list(&self, filter: &ListFilter, page: Page) -> Result<Listing, Error> {
        self.0.lists.ask((filter.clone(), Part::Page(page))).await
    }

    /// The requests that fit a filter below one, newest first. What it costs depends neither on how far back that is, nor on what was
    /// submitted meanwhile.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub async fn list_below(
        &self,
        filter: &ListFilter,
        stretch: Stretch,
    ) -> Result<Listing, Error> {
        let part = Part::Stretch(stretch);
        self.0.lists.ask((filter.clone(), part)).await
    }
}

/// Answers who asks for lists, for as long as it is polled.
pub(crate) async fn answer_lists(lists: Arc<Lists>, connection: DatabaseConnection) {
    loop {
        for question in lists.take(1).await {
            let (filter, part) = &question.key;
            let connection = &connection;
            let listing = again(|| async move {
                match part {
                    Part::Page(page) => list(connection, filter, *page).await,
                    Part::Stretch(stretch) => below(connection, filter, *stretch).await,
                }
            })
            .await;
            question.answer(listing);
        }
    }
}

async fn list(
    connection: &DatabaseConnection,
    filter: &ListFilter,
    page: Page,
) -> Result<Listing, Error> {
    let condition = condition(connection, filter).await?;
    let skipped = page.number.saturating_sub(1).saturating_mul(page.per_page);
    let (total, start) = if *filter == ListFilter::default() {
        start_of_all(connection, skipped).await?
    } else {
        let total = count(connection, condition.clone()).await?;
        (total, Start::Skip(skipped))
    };
    // Databases count in 63 bits; a page that far out is empty anyway.
    if skipped >= total || i64::try_from(skipped).is_err() {
        return Ok(Listing {
            items: Arc::default(),
            total,
            next_below: None,
        });
    }
    let limit = Ord::min(page.per_page, total);
    let fitting = match start {
        Start::At(id) => Condition::all().add(request::Column::Id.lte(id)),
        Start::Skip(0) => condition,
        // Only the index is read for what is skipped.
        Start::Skip(skipped) => {
            let ids = request::Entity::find()
                .select_only()
                .column(request::Column::Id)
                .filter(condition)
                .order_by_desc(request::Column::Id)
                .offset(skipped)
                .limit(limit);
            Condition::all().add(request::Column::Id.in_subquery(ids.into_query()))
        }
    };
    let rows = request::Entity::find()
        .filter(fitting)
        .order_by_desc(request::Column::Id)
        .limit(limit)
        .all(connection)
        .await
        .during(ACTION)?;
    let is_last = skipped.saturating_add(rows.len() as u64) >= total;
    let last = rows.last().map(|row| row.id);
    Ok(Listing {
        next_below: last.filter(|_| !is_last),
        items: assemble(connection, rows, page.form).await?.into(),
        total,
    })
}

async fn below(
    connection: &DatabaseConnection,
    filter: &ListFilter,
    stretch: Stretch,
) -> Result<Listing, Error> {
    let condition = condition(connection, filter).await?;
    let total = if *filter == ListFilter::default() {
        counted(connection).await?.0
    } else {
        count(connection, condition.clone()).await?
    };
    let limit = Ord::min(stretch.limit, total);
    let mut rows = request::Entity::find()
        .filter(condition)
        .filter(request::Column::Id.lt(stretch.below))
        .order_by_desc(request::Column::Id)
        // One more, which says whether the list goes on.
        .limit(limit.saturating_add(1))
        .all(connection)
        .await
        .during(ACTION)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = rows.len() <= limit;
    rows.truncate(limit);
    let last = rows.last().map(|row| row.id);
    Ok(Listing {
        next_below: last.filter(|_| !is_last),
        items: assemble(connection, rows, stretch.form).await?.into(),
        total,
    })
}

async fn count(connection: &DatabaseConnection, condition: Condition) -> Result<u64, Error> {
    let fitting = request::Entity::find().filter(condition);
    fitting.count(connection).await.during(ACTION)
}

/// Where a page starts.
enum Start {
    /// At the newest request of this number or below.
    At(i64),
    /// After so many requests.
    Skip(u64),
}

/// How many requests there are, and where a page of all of them starts. Their numbers have no holes, so it is known without looking.
async fn start_of_all(
    connection: &DatabaseConnection,
    skipped: u64,
) -> Result<(u64, Start), Error> {
    let (total, counter) = counted(connection).await?;
    let start = match i64::try_from(skipped) {
        Ok(skipped) if counter.requests == counter.last_request => {
            Start::At(counter.last_request.saturating_sub(skipped))
        }
        // Some came with numbers of their own.
        Ok(_) | Err(_) => Start::Skip(skipped),
    };
    Ok((total, start))
}

/// How many requests there are, and the row that says so.
async fn counted(connection: &DatabaseConnection) -> Result<(u64, counter::Model), Error> {
    let counter = counter::Entity::find_by_id(counter::THE_ROW)
        .one(connection)
        .await
        .during(ACTION)?
        .ok_or(Error::NoCounter)?;
    let total = u64::try_from(counter.requests).unwrap_or_default();
    Ok((total, counter))
}

/// Turns a filter into SQL after checking that the images it names are known at all.
async fn condition(
    connection: &DatabaseConnection,
    filter: &ListFilter,
) -> Result<Condition, Error> {
    use request::Column;

    let mut condition = Condition::all()
        .add_option(filter.state.map(|state| Column::State.eq(state.number())))
        .add_option(
            filter
                .request_type
                .map(|kind| Column::RequestType.eq(kind.number())),
        )
        .add_option(filter.batch.map(|batch| Column::BatchId.eq(batch)))
        .add_option(
            filter
                .user
                .as_ref()
                .map(|user| Column::UserName.eq(key(user).as_ref())),
        );
    for (name, column, reference) in [
        ("from_index", Column::FromIndex, &filter.from_index),
        ("index_image", Column::IndexImage, &filter.index_image),
    ] {
        if let Some(reference) = reference {
            let stored = key(reference);
            let fits = Condition::all().add(image::Column::Reference.eq(stored.as_ref()));
            require_image(connection, fits, name, reference).await?;
            condition = condition.add(column.eq(stored.as_ref()));
        }
    }
    if let Some(prefix) = &filter.from_index_startswith {
        let stored = key(prefix);
        let end = end_of_prefix(&stored);
        let range = |column: Expr| {
            Condition::all()
                .add(column.clone().gte(stored.as_ref()))
                .add_option(end.as_ref().map(|end| column.lt(end.as_str())))
        };
        let known = range(Expr::col(image::Column::Reference));
        require_image(connection, known, "from_index_startswith", prefix).await?;
        condition = condition.add(range(Expr::col((request::Entity, Column::FromIndex))));
    }
    Ok(condition)
}

async fn require_image(
    connection: &DatabaseConnection,
    fits: Condition,
    filter: &'static str,
    reference: &str,
) -> Result<(), Error> {
    let found = image::Entity::find()
        .filter(fits)
        .limit(1)
        .one(connection)
        .await
        .during(ACTION)?;
    match found {
        Some(_) => Ok(()),
        None => Err(Error::UnknownImage {
            filter,
            reference: reference.to_owned(),
        }),
    }
}
