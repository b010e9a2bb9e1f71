//! The table of known image references.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
};

use crate::entity::image;
use crate::error::{During as _, Error};

/// Databases limit the values of a statement; ours is far below every limit.
const CHUNK: usize = 500;

const ACTION: &str = "recording image references";

/// Makes every reference known and gives the rows, by reference.
pub(crate) async fn record<C: ConnectionTrait>(
    connection: &C,
    references: BTreeSet<&str>,
) -> Result<BTreeMap<String, image::Model>, Error> {
    let references: Vec<&str> = references.into_iter().collect();
    let mut known = BTreeMap::new();
    for chunk in references.chunks(CHUNK) {
        let rows = chunk.iter().map(|reference| image::ActiveModel {
            reference: Set((*reference).to_owned()),
            ..Default::default()
        });
        image::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(image::Column::Reference)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await
            .during(ACTION)?;
        let found = image::Entity::find()
            .filter(image::Column::Reference.is_in(chunk.iter().copied()))
            .all(connection)
            .await
            .during(ACTION)?;
        known.extend(
            found
                .into_iter()
                .map(|model| (model.reference.clone(), model)),
        );
    }
    Ok(known)
}

/// The number of a reference that was just recorded.
pub(crate) fn id_of(
    known: &BTreeMap<String, image::Model>,
    reference: Option<&str>,
) -> Option<i64> {
    known.get(reference?).map(|model| model.id)
}

/// Notes which operator each image holds.
pub(crate) async fn set_operators<C: ConnectionTrait>(
    connection: &C,
    mapping: &BTreeMap<String, Vec<String>>,
) -> Result<(), Error> {
    for (operator, references) in mapping {
        for chunk in references.chunks(CHUNK) {
            image::Entity::update_many()
                .col_expr(
                    image::Column::Operator,
                    sea_orm::sea_query::Expr::value(operator.as_str()),
                )
                .filter(image::Column::Reference.is_in(chunk.iter().map(String::as_str)))
                .exec(connection)
                .await
                .during(ACTION)?;
        }
    }
    Ok(())
}

/// The first text that no longer starts with `prefix`, in the order of Unicode scalar values (which is that of UTF-8 bytes); none when
/// every text from `prefix` on starts with it.
pub(crate) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // A range of `char` skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of_prefix;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_of_that_length_or_less() {
        assert_eq!(end_of_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(end_of_prefix("a%").as_deref(), Some("a&"));
        assert_eq!(end_of_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end_of_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of_prefix("\u{10ffff}"), None);
        assert_eq!(end_of_prefix(""), None);
    }
}
