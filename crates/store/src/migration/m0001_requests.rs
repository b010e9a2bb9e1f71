//! Requests with batches, images, jobs, secrets, keys of submits and outgoing messages.
//!
//! Names are spelled out rather than taken from the entities, which move on while this file stays.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index,
    IndexCreateStatement, MigrationName, MigrationTrait, Query, SchemaManager, Table,
    TableCreateStatement,
};
use sea_orm_migration::sea_orm::DbBackend;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_requests"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A schema change that stops half-way must leave nothing behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for table in [
            counter(),
            batch(),
            image(backend),
            request(backend),
            job(),
            secret(),
            submit_key(),
            outbox(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let first = Query::insert()
            .into_table("counter")
            .columns(["id", "last_request", "last_batch", "requests"])
            .values_panic([1.into(), 0.into(), 0.into(), 0.into()])
            .take();
        manager.execute(first).await
    }
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).binary().not_null().take()
}

fn optional(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

/// Has texts compared byte by byte, as `SQLite` does unasked. The order of a language would put other texts between those that begin alike.
fn by_bytes(mut column: ColumnDef, backend: DbBackend) -> ColumnDef {
    if backend == DbBackend::Postgres {
        column.extra(r#"COLLATE "C""#);
    }
    column
}

fn of_request(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "request_id")
        .to("request", "id")
        .on_delete(ForeignKeyAction::Restrict)
        .take()
}

fn counter() -> TableCreateStatement {
    Table::create()
        .table("counter")
        .col(small("id").primary_key())
        .col(number("last_request"))
        .col(number("last_batch"))
        .col(number("requests"))
        .take()
}

fn batch() -> TableCreateStatement {
    Table::create()
        .table("batch")
        .col(number("id").primary_key())
        .col(small("requests"))
        .take()
}

fn image(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("image")
        .col(by_bytes(text("reference"), backend).primary_key())
        .col(optional("operator"))
        .take()
}

fn request(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("request")
        .col(number("id").primary_key())
        .col(number("batch_id"))
        .col(small("request_type"))
        .col(by_bytes(optional("user_name"), backend))
        .col(small("state"))
        .col(text("state_reason"))
        .col(number("submitted"))
        .col(number("updated"))
        .col(text("payload"))
        .col(text("result"))
        .col(text("history"))
        .col(optional("annotations"))
        .col(by_bytes(optional("from_index"), backend))
        .col(by_bytes(optional("index_image"), backend))
        .take()
}

fn job() -> TableCreateStatement {
    Table::create()
        .table("job")
        .col(number("request_id").primary_key())
        .col(optional("queue"))
        .col(optional("serial_key"))
        .col(number("fence"))
        .col(small("attempt"))
        .col(optional("lease_owner"))
        .col(ColumnDef::new("lease_began").big_integer().null())
        .col(ColumnDef::new("lease_expires").big_integer().null())
        .col(optional("checkpoint"))
        .col(ColumnDef::new("submission").binary().null())
        .col(ColumnDef::new("dispatched").big_integer().null())
        .col(optional("trace_context"))
        .foreign_key(&mut of_request("job"))
        .take()
}

fn secret() -> TableCreateStatement {
    Table::create()
        .table("secret")
        .col(number("request_id"))
        .col(text("name"))
        .col(bytes("sealed"))
        .primary_key(Index::create().col("request_id").col("name"))
        .foreign_key(&mut of_request("secret"))
        .take()
}

fn submit_key() -> TableCreateStatement {
    Table::create()
        .table("submit_key")
        .col(bytes("key").primary_key())
        .col(bytes("submission"))
        .col(number("request_id"))
        .col(small("requests"))
        .col(number("expires"))
        .foreign_key(&mut of_request("submit_key"))
        .take()
}

fn outbox() -> TableCreateStatement {
    Table::create()
        .table("outbox")
        .col(number("id").auto_increment().primary_key())
        .col(text("destination"))
        .col(text("properties"))
        .col(text("body"))
        .col(number("created"))
        .col(small("attempts"))
        .col(number("held_until"))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |table: &'static str, column: &'static str| {
        Index::create()
            .name(format!("{table}_by_{column}"))
            .table(table)
            .col(column)
            .take()
    };
    // One per filter of a list, each with the id behind it, as lists are ordered by id.
    let filters = [
        "batch_id",
        "request_type",
        "user_name",
        "state",
        "from_index",
        "index_image",
    ];
    let filters = filters.map(|column| index("request", column).col("id").take());
    let others = [
        index("job", "submission"),
        index("job", "dispatched").col("request_id").take(),
        index("submit_key", "expires"),
        index("submit_key", "request_id"),
    ];
    filters.into_iter().chain(others).collect()
}
