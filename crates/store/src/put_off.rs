//! Jobs that are tried again later: nobody holds them meanwhile.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::claim::end_of;
use crate::entity::job;
use crate::error::{During as _, Error};
use crate::job::{Lease, Update};
use crate::open::Store;
use crate::report;
use crate::writer::{Operation, Scope};

impl Store {
    /// Gives the job back for a time: nobody can claim it before `pause` is over, and one more of its attempts counts as ended by a cause that
    /// passes. `update` tells why, and stays in the request's history. Whoever cancels the request meanwhile ends it.
    ///
    /// # Errors
    /// As for [`Self::report`]; nothing is written then.
    pub async fn put_off(
        &self,
        lease: &Lease,
        update: &Update,
        pause: Duration,
    ) -> Result<(), Error> {
        self.write(PutOff {
            lease: lease.clone(),
            update: update.clone(),
            pause,
        })
        .await
    }
}

struct PutOff {
    lease: Lease,
    update: Update,
    pause: Duration,
}

#[async_trait::async_trait]
impl Operation for PutOff {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        report::record(scope, &self.lease, &self.update).await?;
        job::Entity::update_many()
            .col_expr(job::Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(job::Column::LeaseBegan, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::LeaseExpires, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::Retries, Expr::col(job::Column::Retries).add(1))
            .col_expr(
                job::Column::HeldUntil,
                Expr::value(end_of(scope.now, self.pause)),
            )
            .filter(job::Column::RequestId.eq(self.lease.request_id))
            .exec(scope.transaction)
            .await
            .during("putting a job off")
            .map(drop)
    }
}
