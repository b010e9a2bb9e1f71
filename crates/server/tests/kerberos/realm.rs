//! A Kerberos realm on loopback, with a directory of its own.
//!
//! The Kerberos library reads the environment of its process, so each test runs in one of its own: it starts the realm, and then itself
//! once more within it.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Set in processes that run within a realm: its directory.
const INSIDE: &str = "IIB_TEST_REALM";

const PASSWORD: &str = "a password of alice";

/// Principals of services that are in the keytab.
const SERVICE: &str = "HTTP/localhost";

/// One that is not.
const OTHER_SERVICE: &str = "HTTP/other.iib.test";

struct Realm {
    directory: TempDir,
    kdc: Option<Child>,
}

impl Drop for Realm {
    fn drop(&mut self) {
        if let Some(kdc) = &mut self.kdc {
            // It may have ended by itself.
            let _ = kdc.kill();
            let _ = kdc.wait();
        }
    }
}

/// Runs `test`, which has the name `name`, in a realm where alice has a ticket.
pub(crate) fn in_realm<F: Future<Output = ()>>(name: &str, test: impl FnOnce(PathBuf) -> F) {
    if let Some(directory) = variable(INSIDE) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test(directory.into()));
        return;
    }
    if !Path::new("/usr/sbin/krb5kdc").exists() {
        assert_ne!(
            variable("CI").as_deref(),
            Some("true"),
            "krb5-kdc is missing"
        );
        eprintln!(
            "SKIPPED: there is no krb5kdc; install krb5-kdc, krb5-admin-server and krb5-user"
        );
        return;
    }
    let realm = Realm::start();
    let itself = std::env::current_exe().unwrap();
    let ran = realm
        .command(itself)
        .args(["--exact", name, "--nocapture"])
        .output()
        .unwrap();
    let readable = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (readable(&ran.stdout), readable(&ran.stderr));
    assert!(ran.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the name is another: {stdout}");
}

impl Realm {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Between here and its start somebody else may take the port; then the tickets are not to be had, and the test says so.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let home = directory.path().display();
        let write = |name: &str, text: String| {
            std::fs::write(directory.path().join(name), text).unwrap();
        };
        write(
            "krb5.conf",
            format!(
                "[libdefaults]\n default_realm = IIB.TEST\n dns_lookup_kdc = false\n dns_lookup_realm = false\n\
                 dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n\
                 [realms]\n IIB.TEST = {{\n kdc = {address}\n }}\n"
            ),
        );
        write(
            "kdc.conf",
            format!(
                "[kdcdefaults]\n kdc_listen = {address}\n kdc_tcp_listen = {address}\n\
                 [realms]\n IIB.TEST = {{\n database_name = {home}/principal\n key_stash_file = {home}/stash\n\
                 acl_file = {home}/acl\n supported_enctypes = aes256-cts-hmac-sha1-96:normal\n }}\n\
                 [logging]\n kdc = FILE:{home}/kdc.log\n"
            ),
        );
        let mut realm = Self {
            directory,
            kdc: None,
        };
        realm.run("/usr/sbin/kdb5_util", &["create", "-s", "-P", "master"], "");
        for query in [
            format!("addprinc -pw \"{PASSWORD}\" alice"),
            format!("addprinc -randkey {SERVICE}"),
            format!("addprinc -randkey {OTHER_SERVICE}"),
            format!("ktadd -k {} {SERVICE}", realm.path("keytab")),
        ] {
            realm.run("/usr/sbin/kadmin.local", &["-q", &query], "");
        }
        let mut kdc = realm.command("/usr/sbin/krb5kdc");
        kdc.arg("-n").stdout(Stdio::null()).stderr(Stdio::null());
        realm.kdc = Some(kdc.spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "the KDC does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        realm.run("/usr/bin/kinit", &["alice"], PASSWORD);
        realm
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a realm is made by its own programs"
    )]
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env(INSIDE, self.directory.path())
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.path("kdc.conf"))
            .env("KRB5_KTNAME", self.path("keytab"))
            .env("KRB5CCNAME", format!("FILE:{}", self.path("tickets")))
            .env("KRB5RCACHEDIR", self.directory.path());
        command
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) {
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{input}").unwrap();
        drop(stdin);
        let ran = child.wait_with_output().unwrap();
        assert!(ran.status.success(), "{program} {arguments:?}: {ran:?}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test learns from its environment where it runs"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
