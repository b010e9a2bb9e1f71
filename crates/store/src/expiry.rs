//! Which requests ended so long ago that their files are not needed any more.

use api::State;
use jiff::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::entity::request;
use crate::error::{During as _, Error};
use crate::open::Store;

impl Store {
    /// Those of the requests `ids` that are in a final state and changed last before `at`. Numbers that no request has are not
    /// among them. Ask about some hundreds at once at most: each is a parameter of the statement.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn ended_before(&self, ids: &[i64], at: Timestamp) -> Result<Vec<i64>, Error> {
        let final_states = State::ALL.into_iter().filter(|state| state.is_final());
        request::Entity::find()
            .select_only()
            .column(request::Column::Id)
            .filter(request::Column::Id.is_in(ids.iter().copied()))
            .filter(request::Column::State.is_in(final_states.map(State::number)))
            .filter(request::Column::Updated.lt(at.as_microsecond()))
            .into_tuple()
            .all(self.readers())
            .await
            .during("looking for requests whose files have expired")
    }
}
