//! The table of known image references.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
};

use crate::entity::image;
use crate::error::{During as _, Error};
use crate::text::{key, storable};
use crate::writer::Scope;

/// Databases limit the values of a statement; ours is far below every limit.
const CHUNK: usize = 512;

/// How many references are remembered. They take some 100 bytes each.
const REMEMBERED: usize = 100_000;

const ACTION: &str = "recording image references";

/// References that are known to be in the table: rows are never removed from it, so these need not be written again.
#[derive(Default)]
pub(crate) struct KnownImages(Mutex<HashSet<String>>);

impl KnownImages {
    fn missing<'a>(&self, references: BTreeSet<&'a str>) -> Vec<&'a str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        references
            .into_iter()
            .filter(|reference| !known.contains(*reference))
            .collect()
    }

    pub(crate) fn remember(&self, references: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + references.len() > REMEMBERED {
            known.clear();
        }
        known.extend(references);
    }
}

/// Makes every reference known. They are written in order, so that two processes never wait for each other in a circle.
pub(crate) async fn record(scope: &Scope<'_>, references: BTreeSet<&str>) -> Result<(), Error> {
    for chunk in scope.context.known_images.missing(references).chunks(CHUNK) {
        let rows = chunk.iter().map(|reference| image::ActiveModel {
            reference: Set(key(reference).into_owned()),
            operator: Set(None),
        });
        image::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(image::Column::Reference)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(scope.transaction)
            .await
            .during(ACTION)?;
        scope.will_know(chunk);
    }
    Ok(())
}

/// Notes which operator each image holds; the images are in the table.
pub(crate) async fn set_operators(
    scope: &Scope<'_>,
    mapping: &BTreeMap<String, Vec<String>>,
) -> Result<(), Error> {
    for (operator, references) in mapping {
        for chunk in references.chunks(CHUNK) {
            image::Entity::update_many()
                .col_expr(
                    image::Column::Operator,
                    Expr::value(storable(operator).into_owned()),
                )
                .filter(
                    image::Column::Reference.is_in(chunk.iter().map(|text| key(text).into_owned())),
                )
                .exec(scope.transaction)
                .await
                .during(ACTION)?;
        }
    }
    Ok(())
}

/// Which images hold which operator, as far as that is known.
#[derive(Default)]
pub(crate) struct Operators(HashMap<String, String>);

impl Operators {
    /// Reads those of `references`.
    pub(crate) async fn read<C: ConnectionTrait>(
        connection: &C,
        references: BTreeSet<&str>,
    ) -> Result<Self, Error> {
        let references: Vec<String> = references
            .into_iter()
            .map(|text| key(text).into_owned())
            .collect();
        let mut operators = HashMap::new();
        for chunk in references.chunks(CHUNK) {
            let rows = image::Entity::find()
                .filter(image::Column::Reference.is_in(padded(chunk)))
                .filter(image::Column::Operator.is_not_null())
                .all(connection)
                .await
                .during("reading operators")?;
            operators.extend(
                rows.into_iter()
                    .filter_map(|row| Some((row.reference, row.operator?))),
            );
        }
        Ok(Self(operators))
    }

    /// The bundles by their operators, in the order given; bundles whose operator is unknown are missing.
    pub(crate) fn mapping(&self, bundles: &[String]) -> BTreeMap<String, Vec<String>> {
        let mut mapping: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if self.0.is_empty() {
            return mapping;
        }
        for bundle in bundles {
            if let Some(operator) = self.0.get(key(bundle).as_ref()) {
                mapping
                    .entry(operator.clone())
                    .or_default()
                    .push(bundle.clone());
            }
        }
        mapping
    }
}

/// The values with the last one repeated up to a power of two: statements with so many different numbers of values would fill the
/// caches of prepared ones.
pub(crate) fn padded<T: Clone>(values: &[T]) -> Vec<T> {
    let mut padded = values.to_vec();
    if let Some(last) = values.last() {
        padded.resize(values.len().next_power_of_two(), last.clone());
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn lists_of_values_have_few_lengths_and_no_further_values() {
        assert_eq!(padded(&[1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!(padded(&[1, 2]), [1, 2]);
        assert_eq!(padded::<i64>(&[]), [0_i64; 0]);
    }
}
