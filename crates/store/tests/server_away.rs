//! A database server that goes away and comes back, and the schema on a server.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]
#![allow(
    clippy::disallowed_methods,
    reason = "a server of its own is started and stopped"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use store::{Database, Error, Form, ListFilter, Page, SealingKey, Store, StoreConfig};
use support::{Fixture, submission};
use tempfile::TempDir;

/// A server of this test alone. It listens on a socket in its directory and nowhere else.
struct Cluster {
    directory: TempDir,
    programs: PathBuf,
    /// The server refuses to run as root.
    as_postgres: bool,
}

impl Cluster {
    /// None when the server's programs are not installed, which is an error in CI.
    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            support::scratch::skip("no PostgreSQL programs below /usr/lib/postgresql");
            return None;
        };
        let directory = tempfile::Builder::new()
            .prefix("iib")
            .tempdir_in("/tmp")
            .unwrap();
        let cluster = Self {
            as_postgres: nix::unistd::geteuid().is_root(),
            directory,
            programs,
        };
        if cluster.as_postgres {
            let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
            let path = cluster.directory.path();
            std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .unwrap();
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &[
                "-D",
                &data,
                "-A",
                "trust",
                "-U",
                "iib",
                "-E",
                "UTF8",
                "--no-sync",
            ],
        );
        cluster.up();
        Some(cluster)
    }

    fn data(&self) -> String {
        self.directory
            .path()
            .join("data")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn address(&self) -> String {
        let socket = self.directory.path().to_str().unwrap();
        format!("postgres://iib@localhost/postgres?host={socket}")
    }

    fn up(&self) {
        let socket = self.directory.path().display();
        let options = format!("-c listen_addresses='' -c unix_socket_directories={socket}");
        let log = self.directory.path().join("log");
        let data = self.data();
        self.run(
            "pg_ctl",
            &[
                "start",
                "-w",
                "-D",
                &data,
                "-o",
                &options,
                "-l",
                log.to_str().unwrap(),
            ],
        );
    }

    /// Ends as a crash does: connections are cut off.
    fn down(&self) {
        self.run(
            "pg_ctl",
            &["stop", "-w", "-m", "immediate", "-D", &self.data()],
        );
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{command:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let running = Path::new(&self.data()).join("postmaster.pid").exists();
        if running && !std::thread::panicking() {
            self.down();
        } else if running {
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
                || self.down(),
            )));
        }
    }
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn config(cluster: &Cluster) -> StoreConfig {
    let keys = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_generate(&keys.path().join("key")).unwrap();
    StoreConfig {
        migrate: true,
        acquire_timeout: Duration::from_millis(500),
        ..StoreConfig::new(cluster.address().parse().unwrap(), key)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_away_is_waited_for_and_comes_back_by_itself() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = Store::open(&config(&cluster)).await.unwrap();
    let page = Page {
        number: 1,
        per_page: 20,
        form: Form::Short,
    };
    let one = || store.submit(submission(&json!({}), None));
    let id = one().await.unwrap()[0].id;
    store.request(id).await.unwrap().unwrap();
    store.list(&ListFilter::default(), page).await.unwrap();

    // All connections of the pool are in use, so that all are lost.
    let looking: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.waiting(id, 1).await })
        })
        .collect();
    for look in looking {
        assert!(look.await.unwrap().unwrap().is_some());
    }

    // A restart in between is not noticed: the connections are cut off, and made anew.
    cluster.down();
    cluster.up();
    assert!(store.request_type(id).await.unwrap().is_some());
    assert!(store.waiting(id, 1).await.unwrap().is_some());
    assert!(store.request(id).await.unwrap().is_some());
    assert_eq!(one().await.unwrap()[0].id, id + 1);
    assert_eq!(
        store
            .list(&ListFilter::default(), page)
            .await
            .unwrap()
            .total,
        2
    );

    cluster.down();
    let failures = [
        one().await.map(drop).unwrap_err(),
        store.request(id).await.map(drop).unwrap_err(),
        store
            .list(&ListFilter::default(), page)
            .await
            .map(drop)
            .unwrap_err(),
        store.ping().await.unwrap_err(),
    ];
    for error in failures {
        assert!(error.is_transient(), "{error:?}");
    }
    cluster.up();
    assert_eq!(one().await.unwrap()[0].id, id + 2);
    assert!(store.request(id).await.unwrap().is_some());
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_accepted_is_lost_when_the_server_crashes_in_the_middle() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = Store::open(&config(&cluster)).await.unwrap();
    let submitting: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                for _ in 0..100 {
                    match store.submit(submission(&json!({}), None)).await {
                        Ok(views) => accepted.push(views[0].id),
                        Err(error) => assert!(error.is_transient(), "{error:?}"),
                    }
                }
                accepted
            })
        })
        .collect();
    while store
        .list(&ListFilter::default(), PAGE)
        .await
        .unwrap()
        .total
        < 20
    {
        tokio::task::yield_now().await;
    }
    cluster.down();
    cluster.up();
    let mut accepted = Vec::new();
    for task in submitting {
        accepted.extend(task.await.unwrap());
    }
    for id in &accepted {
        assert!(store.request(*id).await.unwrap().is_some(), "{id}");
    }
    accepted.sort_unstable();
    accepted.dedup();
    let total = store
        .list(&ListFilter::default(), PAGE)
        .await
        .unwrap()
        .total;
    // A commit whose answer was cut off may be there though its caller was told of an error.
    let told = u64::try_from(accepted.len()).unwrap();
    assert!(
        told >= 20 && (told..=told + 8 * 128).contains(&total),
        "{told} {total}"
    );
}

const PAGE: Page = Page {
    number: 1,
    per_page: 1,
    form: Form::Short,
};

#[tokio::test]
async fn all_connections_are_made_before_anybody_waits_for_one() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'iib'";
    let expected = i64::from(fixture.config().readers) + 1;
    assert_eq!(fixture.number(open).await, expected);
}

#[tokio::test]
async fn a_server_that_was_never_there_is_a_passing_error() {
    let directory = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let nowhere = directory.path().display();
    let database: Database = format!("postgres://u:s3cr3t@localhost/db?host={nowhere}")
        .parse()
        .unwrap();
    let config = StoreConfig {
        acquire_timeout: Duration::from_millis(200),
        ..StoreConfig::new(database, key)
    };
    let error = Store::open(&config).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(!format!("{error:?} {error} {config:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn the_schema_of_a_server_is_made_only_when_asked_for_and_a_newer_one_is_refused() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let unasked = StoreConfig {
        migrate: false,
        ..fixture.config()
    };
    assert!(Store::open(&unasked).await.is_ok());
    fixture.execute("DROP TABLE seaql_migrations").await;
    let outdated = Store::open(&unasked).await;
    assert!(matches!(
        outdated,
        Err(Error::SchemaOutdated { pending: 2 })
    ));
    for table in [
        "turn",
        "pause",
        "push",
        "submit_key",
        "outbox",
        "secret",
        "job",
        "request",
        "image",
        "batch",
        "counter",
    ] {
        fixture.execute(&format!("DROP TABLE {table}")).await;
    }
    let made = store::migrate_database(&unasked).await.unwrap();
    assert_eq!(made.changes, 2);
    let store = Store::open(&unasked).await.unwrap();
    assert_eq!(
        store.submit(submission(&json!({}), None)).await.unwrap()[0].id,
        1
    );
    fixture
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 1)")
        .await;
    let newer = Store::open(&unasked).await;
    assert!(matches!(newer, Err(Error::SchemaTooNew { version }) if version == "m9999_later"));
}
