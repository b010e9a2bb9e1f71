//! The schema, one change per file, written without regard to the kind of database.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_requests;
mod m0002_workers;

/// Knows every schema change, oldest first. Changes that were released are never edited.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_requests::Migration),
            Box::new(m0002_workers::Migration),
        ]
    }
}
