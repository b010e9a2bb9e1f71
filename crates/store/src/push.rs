//! The ledger of pushes: which tags requests have moved from where to where. A line is written, with the checkpoint of the request, before the tag
//! moves; none is ever removed. Whoever finds a tag somewhere else than expected learns here whether one of ours moved it.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::entity::push;
use crate::error::{During as _, Error};
use crate::job::Lease;
use crate::open::Store;
use crate::report;
use crate::tag::name_in_registry;
use crate::text::key;
use crate::writer::{Operation, Scope};

const ACTION: &str = "recording a push";

/// A tag that is about to be moved. Registries may have several names, so the pull spec counts without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The tag's pull spec.
    pub tag: String,
    /// The digest it has.
    pub from: String,
    /// The digest it gets.
    pub to: String,
}

impl Store {
    /// Keeps `data` as [`Self::checkpoint`] does, and `push` in the ledger, together.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub async fn checkpoint_push(
        &self,
        lease: &Lease,
        data: &serde_json::Value,
        push: &Push,
    ) -> Result<(), Error> {
        self.write(Record {
            lease: lease.clone(),
            data: data.to_string(),
            push: push.clone(),
        })
        .await
    }

    /// Whether a request has moved `tag` to the digest `to`, or was about to.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn was_pushed(&self, tag: &str, to: &str) -> Result<bool, Error> {
        self.look_up(tag, push::Column::Digest, to).await
    }

    /// Whether a request has moved `tag` on from the digest `from`: what it made builds upon that.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn was_built_upon(&self, tag: &str, from: &str) -> Result<bool, Error> {
        self.look_up(tag, push::Column::Former, from).await
    }

    async fn look_up(&self, tag: &str, column: push::Column, digest: &str) -> Result<bool, Error> {
        let found = push::Entity::find()
            .filter(push::Column::Tag.eq(name_of(tag)))
            .filter(column.eq(digest))
            .one(self.readers())
            .await
            .during("looking into the ledger of pushes")?;
        Ok(found.is_some())
    }
}

fn name_of(tag: &str) -> String {
    key(&name_in_registry(tag)).into_owned()
}

struct Record {
    lease: Lease,
    data: String,
    push: Push,
}

#[async_trait::async_trait]
impl Operation for Record {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        report::require_held(scope, &self.lease).await?;
        report::keep(scope, self.lease.request_id, &self.data).await?;
        let Push { tag, from, to } = &self.push;
        let row = push::ActiveModel {
            tag: Set(name_of(tag)),
            digest: Set(to.clone()),
            former: Set(from.clone()),
            request_id: Set(self.lease.request_id),
            pushed: Set(scope.now.as_microsecond()),
        };
        push::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([
                    push::Column::Tag,
                    push::Column::Digest,
                    push::Column::Former,
                ])
                .update_columns([push::Column::RequestId, push::Column::Pushed])
                .to_owned(),
            )
            .exec_without_returning(scope.transaction)
            .await
            .during(ACTION)
            .map(drop)
    }
}
