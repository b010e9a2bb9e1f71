//! `iib db migrate`: the schema made, found, and left alone when it is a later one's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::PathBuf;

use store::Database;
use support::scratch::{Scratch, execute, number};
use support::{Ran, World, assert_names};

/// A database that nobody has used, and a configuration that names it.
struct Fresh {
    world: World,
    config: PathBuf,
    database: Database,
    _scratch: Option<Scratch>,
}

impl Fresh {
    async fn new(scratch: Option<Scratch>) -> Self {
        let world = World::start().await;
        let address = match &scratch {
            None => format!("sqlite:{}", world.dir.path().join("state.db").display()),
            Some(scratch) => scratch.address(),
        };
        let config = world.dir.path().join("iib.toml");
        let text = format!(
            "[build]\nregistry = \"{}\"\n[store]\ndatabase = \"{address}\"\n",
            world.host
        );
        std::fs::write(&config, text).unwrap();
        Self {
            world,
            config,
            database: address.parse().unwrap(),
            _scratch: scratch,
        }
    }

    async fn run(&self, command: &[&str]) -> Ran {
        let data = self.world.dir.path().join("data");
        let places = [
            "--config",
            self.config.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
        ];
        self.world.iib(&[command, &places].concat()).await
    }

    async fn migrate(&self) -> Ran {
        self.run(&["db", "migrate"]).await
    }

    async fn number(&self, sql: &str) -> i64 {
        number(&self.database, sql).await
    }
}

async fn a_schema_is_made_once_and_a_later_one_is_refused(fresh: Fresh) {
    let place = fresh.database.to_string();
    let made = fresh.migrate().await;
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{made:?}");
    assert_names(&made.stderr, &[&place, "up to date now, after 2 changes\n"]);
    assert_eq!(fresh.number("SELECT last_request FROM counter").await, 0);
    assert_eq!(fresh.number("SELECT count(*) FROM request").await, 0);

    execute(&fresh.database, "UPDATE counter SET last_request = 7").await;
    let again = fresh.migrate().await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_names(&again.stderr, &[&place, "is up to date\n"]);
    let kept = "SELECT last_request FROM counter";
    assert_eq!(fresh.number(kept).await, 7, "what is there stays");

    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 1)";
    execute(&fresh.database, later).await;
    let refused = fresh.migrate().await.failed();
    assert_names(
        &refused,
        &[&place, "`m9999_later`", "run a release that knows it"],
    );
    let refused = fresh.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_names(&refused.failed(), &[&place, "`m9999_later`"]);
    assert_eq!(fresh.number(kept).await, 7);
    let changes = "SELECT count(*) FROM seaql_migrations";
    assert_eq!(fresh.number(changes).await, 3, "it is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_made_once_and_a_later_one_is_refused() {
    a_schema_is_made_once_and_a_later_one_is_refused(Fresh::new(None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_server_is_made_once_and_a_later_one_is_refused() {
    if let Some(scratch) = Scratch::create().await {
        a_schema_is_made_once_and_a_later_one_is_refused(Fresh::new(Some(scratch)).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_does_not_make_the_schema_of_a_server() {
    let Some(scratch) = Scratch::create().await else {
        return;
    };
    let fresh = Fresh::new(Some(scratch)).await;
    let refused = fresh.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    let place = fresh.database.to_string();
    assert_names(&refused.failed(), &[&place, "`iib db migrate`"]);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(fresh.number(tables).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let fresh = Fresh::new(None).await;
    let text = std::fs::read_to_string(&fresh.config).unwrap();
    let address = format!("sqlite:{}", fresh.database);
    assert!(text.contains(&address), "{text}");
    let text = text.replace(&address, "postgres://iib:s3cr3t@127.0.0.1:1/iib");
    std::fs::write(&fresh.config, text).unwrap();
    let error = fresh.migrate().await.failed();
    assert_names(&error, &["postgres://127.0.0.1:1/iib"]);
    assert!(!error.contains("s3cr3t"), "{error}");
}
