//! Requests with batches, history, images, jobs and secrets.
//!
//! Names are spelled out rather than taken from the entities, which move on while this file stays.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index,
    IndexCreateStatement, MigrationName, MigrationTrait, SchemaManager, Table,
    TableCreateStatement,
};

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
        for table in [
            batch(),
            image(),
            request(),
            request_bundle(),
            history(),
            job(),
            secret(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Numbers that are never given twice, not even after the newest row is gone.
fn id() -> ColumnDef {
    ColumnDef::new("id")
        .big_integer()
        .not_null()
        .auto_increment()
        .primary_key()
        .take()
}

fn reference(
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(from, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Restrict)
        .take()
}

fn batch() -> TableCreateStatement {
    Table::create()
        .table("batch")
        .col(id())
        .col(ColumnDef::new("annotations").text().null())
        .take()
}

fn image() -> TableCreateStatement {
    Table::create()
        .table("image")
        .col(id())
        .col(text("reference").unique_key())
        .col(ColumnDef::new("operator").text().null())
        .take()
}

fn request() -> TableCreateStatement {
    Table::create()
        .table("request")
        .col(id())
        .col(number("batch_id"))
        .col(ColumnDef::new("request_type").integer().not_null())
        .col(ColumnDef::new("user_name").text().null())
        .col(ColumnDef::new("state").integer().not_null())
        .col(text("state_reason"))
        .col(number("submitted"))
        .col(number("updated"))
        .col(text("payload"))
        .col(text("result"))
        .col(ColumnDef::new("from_index_id").big_integer().null())
        .col(ColumnDef::new("index_image_id").big_integer().null())
        .foreign_key(&mut reference("request", "batch_id", "batch"))
        .foreign_key(&mut reference("request", "from_index_id", "image"))
        .foreign_key(&mut reference("request", "index_image_id", "image"))
        .take()
}

fn request_bundle() -> TableCreateStatement {
    Table::create()
        .table("request_bundle")
        .col(number("request_id"))
        .col(ColumnDef::new("position").integer().not_null())
        .col(number("image_id"))
        .primary_key(Index::create().col("request_id").col("position"))
        .foreign_key(&mut reference("request_bundle", "request_id", "request"))
        .foreign_key(&mut reference("request_bundle", "image_id", "image"))
        .take()
}

fn history() -> TableCreateStatement {
    Table::create()
        .table("history")
        .col(id())
        .col(number("request_id"))
        .col(ColumnDef::new("state").integer().not_null())
        .col(text("state_reason"))
        .col(number("updated"))
        .foreign_key(&mut reference("history", "request_id", "request"))
        .take()
}

fn job() -> TableCreateStatement {
    Table::create()
        .table("job")
        .col(number("request_id").primary_key())
        .col(ColumnDef::new("queue").text().null())
        .col(ColumnDef::new("serial_key").text().null())
        .col(number("fence"))
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(ColumnDef::new("lease_owner").text().null())
        .col(ColumnDef::new("lease_began").big_integer().null())
        .col(ColumnDef::new("lease_expires").big_integer().null())
        .col(ColumnDef::new("checkpoint").text().null())
        .col(ColumnDef::new("dispatched").big_integer().null())
        .col(ColumnDef::new("trace_context").text().null())
        .foreign_key(&mut reference("job", "request_id", "request"))
        .take()
}

fn secret() -> TableCreateStatement {
    Table::create()
        .table("secret")
        .col(number("request_id"))
        .col(text("name"))
        .col(ColumnDef::new("sealed").binary().not_null())
        .primary_key(Index::create().col("request_id").col("name"))
        .foreign_key(&mut reference("secret", "request_id", "request"))
        .take()
}

/// One index per filter of a list, each with the id behind it, as lists are ordered by id.
fn indexes() -> Vec<IndexCreateStatement> {
    let mut indexes: Vec<_> = [
        "batch_id",
        "request_type",
        "user_name",
        "state",
        "from_index_id",
        "index_image_id",
    ]
    .into_iter()
    .map(|column| {
        Index::create()
            .name(format!("request_by_{column}"))
            .table("request")
            .col(column)
            .col("id")
            .take()
    })
    .collect();
    indexes.push(
        Index::create()
            .name("history_by_request")
            .table("history")
            .col("request_id")
            .col("id")
            .take(),
    );
    indexes.push(
        Index::create()
            .name("job_by_dispatched")
            .table("job")
            .col("dispatched")
            .col("request_id")
            .take(),
    );
    indexes
}
