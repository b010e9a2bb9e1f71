//! Kerberos tickets, against a real KDC.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "this is a test, helpers included"
)]

#[path = "../auth/log.rs"]
mod log;
mod realm;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE};
use serde_json::json;
use server::{AuthConfig, KerberosConfig, ServerConfig, StaticToken, TokenHash, new_token};

use self::log::Log;
use self::realm::in_realm;
use self::support::{Answer, Server, open, payload, proxied};

const ADD: &str = "/api/v1/builds/add";

fn kerberized(config: ServerConfig) -> ServerConfig {
    ServerConfig {
        auth: AuthConfig {
            kerberos: Some(KerberosConfig::default()),
            ..config.auth
        },
        ..config
    }
}

/// A caller with alice's ticket for `service`.
fn caller(service: &str) -> ClientCtx {
    let name = Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE)).unwrap();
    let flags = CtxFlags::GSS_C_MUTUAL_FLAG;
    ClientCtx::new(None, name, flags, Some(GSS_MECH_SPNEGO))
}

/// What a caller sends.
fn ticket(caller: &mut ClientCtx) -> String {
    STANDARD.encode(&*caller.step(None, None).unwrap().unwrap())
}

async fn add_with(server: &Server, ticket: &str) -> Answer {
    let headers =
        format!("\r\ncontent-type: application/json\r\nauthorization: Negotiate {ticket}");
    let body = payload("r/index:1").to_string();
    server.send("POST", ADD, &headers, &body).await
}

/// What an answer says in `WWW-Authenticate`, in its own letters.
fn proof(head: &str) -> Vec<&str> {
    let lines = head.lines();
    lines
        .filter_map(|line| line.strip_prefix("www-authenticate: "))
        .collect()
}

#[test]
fn a_ticket_names_its_principal_and_the_service_proves_itself() {
    in_realm(
        "a_ticket_names_its_principal_and_the_service_proves_itself",
        async |_| {
            let server = Server::start(kerberized(ServerConfig::default())).await;
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            // An error proves the service as well as a success does.
            for (body, status) in [(payload("r/index:1"), 201), (json!([]), 400)] {
                let mut caller = caller("HTTP@localhost");
                let ticket = ticket(&mut caller);
                let answer = client
                    .post(format!("http://{}{ADD}", server.address))
                    .header("authorization", format!("Negotiate {ticket}"))
                    .json(&body)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), status);
                let proof = answer.headers()["www-authenticate"].to_str().unwrap();
                let proof = STANDARD
                    .decode(proof.strip_prefix("Negotiate ").unwrap())
                    .unwrap();
                caller.step(Some(&proof), None).unwrap();
                assert!(caller.is_complete());
                let flags = caller.flags().unwrap();
                assert!(flags.contains(CtxFlags::GSS_C_MUTUAL_FLAG));
                let answer: serde_json::Value = answer.json().await.unwrap();
                if status == 201 {
                    assert_eq!(answer["user"], "alice@IIB.TEST");
                }
            }
        },
    );
}

#[test]
fn curl_negotiates() {
    in_realm("curl_negotiates", async |_| {
        let server = Server::start(kerberized(ServerConfig::default())).await;
        let url = format!("http://localhost:{}{ADD}", server.address.port());
        #[expect(clippy::disallowed_methods, reason = "users call the service so")]
        let ran = tokio::process::Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--ipv4"])
            .args(["--negotiate", "--user", ":"])
            .args(["--json", &payload("r/index:1").to_string(), &url])
            .output()
            .await
            .unwrap();
        let answer: serde_json::Value =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        assert_eq!(answer["user"], "alice@IIB.TEST", "{answer}");
    });
}

#[test]
fn tickets_that_are_no_good_are_refused_where_none_is_needed_too() {
    in_realm(
        "tickets_that_are_no_good_are_refused_where_none_is_needed_too",
        async |_| {
            let server = Server::start(kerberized(open())).await;
            let other = ticket(&mut caller("HTTP@other.iib.test"));
            let good = ticket(&mut caller("HTTP@localhost"));
            let mut changed = STANDARD.decode(&good).unwrap();
            let last = changed.len() - 10;
            changed[last] ^= 1;
            let changed = STANDARD.encode(changed);
            let cut = &good[..good.len() / 2 / 4 * 4];
            for bad in [&other, &changed, cut, "", "!", "YII=", "TlRMTVNTUAABAAAA"] {
                let answer = add_with(&server, bad).await;
                let text = answer.is_error(401);
                assert!(text.contains("not valid here"), "{bad}: {text}");
                assert_eq!(proof(&answer.head), ["negotiate"], "{bad}");
            }
            let answer = add_with(&server, &good).await;
            assert_eq!(answer.json()["user"], "alice@IIB.TEST");
            // Who listens on the wire cannot use it again.
            add_with(&server, &good).await.is_error(401);
        },
    );
}

#[test]
fn a_negotiation_of_several_rounds_is_refused_as_such() {
    in_realm(
        "a_negotiation_of_several_rounds_is_refused_as_such",
        async |_| {
            let server = Server::start(kerberized(open())).await;
            // Offers NTLM, then Kerberos, and brings nothing for either: the server would have to choose first.
            let mechanisms = [
                &[0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a][..],
                &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2],
            ]
            .concat();
            let within = |tag: u8, inner: &[u8]| {
                let mut outer = vec![tag, u8::try_from(inner.len()).unwrap()];
                outer.extend_from_slice(inner);
                outer
            };
            let offer = within(
                0xa0,
                &within(0x30, &within(0xa0, &within(0x30, &mechanisms))),
            );
            let spnego = [0x06, 6, 0x2b, 6, 1, 5, 5, 2];
            let token = within(0x60, &[&spnego, offer.as_slice()].concat());
            let answer = add_with(&server, &STANDARD.encode(token)).await;
            let text = answer.is_error(401);
            assert!(text.contains("more than one round"), "{text}");
        },
    );
}

#[test]
fn nobody_in_particular_is_told_of_every_way() {
    in_realm("nobody_in_particular_is_told_of_every_way", async |_| {
        let token = new_token().unwrap();
        let mut config = kerberized(proxied());
        config.auth.tokens = vec![StaticToken {
            user: "robot".parse().unwrap(),
            hash: TokenHash::of(&token),
        }];
        let server = Server::start(config).await;
        let answer = server.post(ADD, &payload("r/index:1")).await;
        answer.is_error(401);
        assert_eq!(proof(&answer.head), ["negotiate", "bearer realm=\"iib\""]);
        let ticket = ticket(&mut caller("HTTP@localhost"));
        let both = format!("\r\nx-remote-user: alice\r\nauthorization: Negotiate {ticket}");
        server.send("POST", ADD, &both, "{}").await.is_error(400);
        let read = server
            .send(
                "GET",
                "/api/v1/builds",
                "\r\nauthorization: Negotiate !",
                "",
            )
            .await;
        assert_eq!(read.status, 200);
        assert!(proof(&read.head).is_empty());
    });
}

#[test]
fn tickets_are_in_no_log() {
    in_realm("tickets_are_in_no_log", async |_| {
        let (log, guard) = Log::start();
        let server = Server::start(kerberized(open())).await;
        let good = ticket(&mut caller("HTTP@localhost"));
        let bad = ticket(&mut caller("HTTP@other.iib.test"));
        assert_eq!(add_with(&server, &good).await.status, 201);
        add_with(&server, &bad).await.is_error(401);
        drop(guard);
        let log = log.text();
        assert!(log.contains("alice@IIB.TEST"), "{log}");
        for ticket in [&good, &bad] {
            // The start is the same in all.
            assert!(!log.contains(&ticket[100..140]), "{log}");
        }
    });
}

#[test]
fn a_keytab_without_the_service_stops_the_start() {
    in_realm("a_keytab_without_the_service_stops_the_start", async |_| {
        let mut config = kerberized(ServerConfig::default());
        config.auth.kerberos = Some(KerberosConfig {
            service: "HTTP@other.iib.test".to_owned(),
        });
        let server = Server::start(config).await;
        let error = server.running.await.unwrap().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        for word in ["HTTP@other.iib.test", "KRB5_KTNAME"] {
            assert!(cause.contains(word), "{cause}");
        }
    });
}
