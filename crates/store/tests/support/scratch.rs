//! Databases of a test's own: on a PostgreSQL server, and statements behind a store's back. The tests of the command use this file too.

use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::Database;

/// A database on a server, which is removed with this.
pub struct Scratch {
    admin: String,
    name: String,
}

impl Scratch {
    /// None when there is no server to test with, which is an error in CI.
    pub async fn create() -> Option<Self> {
        Some(Self::on(server().await?).await)
    }

    /// Another one on the same server.
    pub async fn another(&self) -> Self {
        Self::on(self.admin.clone()).await
    }

    async fn on(admin: String) -> Self {
        let name = format!("iib_test_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        let sql = format!("CREATE DATABASE {name}");
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        Self { admin, name }
    }

    pub fn address(&self) -> String {
        let mut address = url_without_database(&self.admin);
        address.insert_str(address.find('?').unwrap_or(address.len()), &self.name);
        address
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let admin = self.admin.clone();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The runtime of the test cannot be waited for in here.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&admin).await?;
                connection.execute(AssertSqlSafe(sql)).await
            })
        })
        .join();
        if !matches!(removed, Ok(Ok(_))) {
            eprintln!("the database of a test was not removed: {removed:?}");
        }
    }
}

/// The server for tests, by the address of a database in it that exists.
async fn server() -> Option<String> {
    const USUAL: [&str; 2] = [
        "postgres:///postgres?host=/var/run/postgresql",
        "postgres://postgres@127.0.0.1:5432/postgres",
    ];
    let named = std::env::var("IIB_TEST_POSTGRES").ok();
    let addresses = match &named {
        Some(address) => vec![address.as_str()],
        None => USUAL.to_vec(),
    };
    for address in addresses {
        if PgConnection::connect(address).await.is_ok() {
            return Some(address.to_owned());
        }
    }
    let remedy = "name one in IIB_TEST_POSTGRES as `postgres://USER:PASSWORD@HOST/DATABASE`";
    assert!(
        named.is_none(),
        "the server of IIB_TEST_POSTGRES does not answer"
    );
    skip(&format!("no PostgreSQL server; start one, or {remedy}"));
    None
}

/// Leaves a test out, and says why; in CI nothing is left out.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").is_err(), "{why}");
    eprintln!("SKIPPED: {why}");
}

fn url_without_database(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap();
    let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let query = rest.split_once('?').map(|(_, query)| query);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{host}/{query}")
}

/// Runs a statement.
pub async fn execute(database: &Database, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match database {
        Database::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(path.to_str().unwrap())
                .await
                .unwrap();
            connection.execute(sql).await.unwrap();
        }
        Database::Postgres(address) => {
            let mut connection = PgConnection::connect(address.expose_secret())
                .await
                .unwrap();
            connection.execute(sql).await.unwrap();
        }
    }
}

/// The number that a question has for an answer.
pub async fn number(database: &Database, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    match database {
        Database::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(path.to_str().unwrap())
                .await
                .unwrap();
            sqlx::query_scalar(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
        Database::Postgres(address) => {
            let mut connection = PgConnection::connect(address.expose_secret())
                .await
                .unwrap();
            sqlx::query_scalar(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
    }
}
