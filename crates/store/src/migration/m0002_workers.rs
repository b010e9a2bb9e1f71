//! What lets many workers share the jobs: whose turn it is, which jobs are put off, what is paused, and which tags were moved.
//!
//! Names are spelled out rather than taken from the entities, which move on while this file stays.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, Index, MigrationName, MigrationTrait, SchemaManager, Table,
    TableCreateStatement,
};
use sea_orm_migration::sea_orm::ConnectionTrait as _;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_workers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A schema change that stops half-way must leave nothing behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new("user_name").text().null().take(),
            ColumnDef::new("retries")
                .integer()
                .not_null()
                .default(0)
                .take(),
            ColumnDef::new("held_until").big_integer().null().take(),
        ];
        for column in columns {
            // `SQLite` takes one per statement.
            let alter = Table::alter().table("job").add_column(column).take();
            manager.alter_table(alter).await?;
        }
        manager
            .get_connection()
            .execute_unprepared(
                "UPDATE job SET user_name = \
                 (SELECT r.user_name FROM request r WHERE r.id = job.request_id)",
            )
            .await?;
        for table in [turn(), pause(), push()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("job_by_serial_key", "job", ["serial_key", "request_id"]),
            ("job_by_queue", "job", ["queue", "request_id"]),
            ("push_by_former", "push", ["tag", "former"]),
        ] {
            let [first, second] = columns;
            let index = Index::create()
                .name(name)
                .table(table)
                .col(first)
                .col(second)
                .take();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn turn() -> TableCreateStatement {
    Table::create()
        .table("turn")
        .col(text("user_name").primary_key())
        .col(number("turn"))
        .take()
}

fn pause() -> TableCreateStatement {
    Table::create()
        .table("pause")
        .col(text("kind"))
        .col(text("name"))
        .col(number("since"))
        .primary_key(Index::create().col("kind").col("name"))
        .take()
}

fn push() -> TableCreateStatement {
    Table::create()
        .table("push")
        .col(text("tag"))
        .col(text("digest"))
        .col(text("former"))
        .col(number("request_id"))
        .col(number("pushed"))
        .primary_key(Index::create().col("tag").col("digest").col("former"))
        .take()
}
