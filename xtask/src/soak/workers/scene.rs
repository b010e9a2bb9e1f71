//! The users, their indexes and what they ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use oci::{Client, ClientConfig, ImageRepository, PullSpec, Repository, Tag};
use registry::{Config, Running, Server};
use serde_json::{Value, json};

/// The header in which a proxy, which we pass for, names the user.
const USER_HEADER: &str = "X-Remote-User";

/// What fragments say of themselves.
const CONFIGS: &str = "operators.operatorframework.io.index.configs.v1";

/// The registry and the service.
pub(super) struct Scene {
    registry: Running,
    pub(super) client: Client,
    http: reqwest::Client,
    url: String,
    users: u32,
    binary: PullSpec,
}

/// A request that was accepted.
pub(super) struct Sent {
    pub(super) id: i64,
    pub(super) user: u32,
    pub(super) effect: Effect,
}

/// What a request does to its user's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A package comes.
    Adds(String),
    /// A package goes.
    Removes(String),
    /// The index is overwritten with the same packages.
    Rewrites,
    /// The index is only read.
    Nothing,
}

/// The name of a user.
pub(super) fn user(number: u32) -> String {
    format!("user-{number}")
}

/// Whether what a user asks for is done one after the other.
pub(super) const fn is_serial(number: u32) -> bool {
    number.is_multiple_of(2)
}

/// The line of the configuration about a user's queue.
pub(super) fn queue(number: u32) -> String {
    let user = user(number);
    if is_serial(number) {
        format!("\"SERIAL:{user}\" = \"queue-{number}\"\n")
    } else {
        format!("\"{user}\" = \"shared\"\n")
    }
}

/// A registry in this process, with its files in `directory`.
pub(super) async fn registry(directory: &Path) -> anyhow::Result<Running> {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), directory.join("registry"));
    config.fsync = false;
    Ok(Server::start(config).await?)
}

impl Scene {
    /// Gives each user an index `index:user-N`, file-based with a hidden database.
    pub(super) async fn set(registry: Running, url: String, users: u32) -> anyhow::Result<Self> {
        let client = Client::new(ClientConfig::default())?;
        let repository = format!("{}/binary", registry.addr()).parse()?;
        let binary =
            samples::push_binary_image(&client, &repository, &["amd64", "arm64"], 0).await?;
        let scene = Self {
            registry,
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
            url,
            users,
            binary,
        };
        let seed = scene.bundle("seed").await?;
        let body = json!({"bundles": [seed], "add_arches": ["amd64", "arm64"]});
        let seeded = scene.done("add", body).await?;
        let body = json!({"from_index": seeded["index_image"], "output_fbc": true});
        let empty = scene.done("create-empty-index", body).await?;
        let body = json!({"from_index": empty["index_image"], "bundles": [seed]});
        let index = scene.done("add", body).await?;
        let text = index["internal_index_image_copy_resolved"].as_str();
        let source: PullSpec = text.context("the seed is somewhere")?.parse()?;
        let source = ImageRepository::Remote(scene.client.repository(source.repository()));
        let target = ImageRepository::Remote(scene.client.repository(&scene.repository("index")?));
        let digest = text
            .and_then(|text| text.split_once('@'))
            .context("by digest")?;
        let reference = oci::Reference::Digest(digest.1.parse()?);
        let raw = source.manifest(&reference).await?;
        let at_once = std::num::NonZeroUsize::MIN;
        oci::copy_manifests(&source, &target, &[raw.descriptor()], at_once).await?;
        for number in 0..users {
            let tag: Tag = user(number).parse()?;
            target.put_manifest(&oci::Reference::Tag(tag), &raw).await?;
        }
        Ok(scene)
    }

    pub(super) fn index(&self, number: u32) -> String {
        format!("{}/index:{}", self.registry.addr(), user(number))
    }

    pub(super) const fn users(&self) -> u32 {
        self.users
    }

    fn repository(&self, path: &str) -> anyhow::Result<Repository> {
        Ok(format!("{}/{path}", self.registry.addr()).parse()?)
    }

    async fn bundle(&self, package: &str) -> anyhow::Result<PullSpec> {
        let repository = self.repository("bundles")?;
        Ok(samples::push_package(&self.client, &repository, package).await?)
    }

    /// A file-based catalog of one package.
    async fn fragment(&self, package: &str) -> anyhow::Result<String> {
        let repository = self.repository("fragments")?;
        let target = ImageRepository::Remote(self.client.repository(&repository));
        let text = format!(
            "{{\"schema\":\"olm.package\",\"name\":\"{package}\",\"defaultChannel\":\"stable\"}}\n\
             {{\"schema\":\"olm.channel\",\"package\":\"{package}\",\"name\":\"stable\",\"entries\":[{{\"name\":\"{package}.v1\"}}]}}\n\
             {{\"schema\":\"olm.bundle\",\"package\":\"{package}\",\"name\":\"{package}.v1\",\"image\":\"registry.test/{package}:1\",\
             \"properties\":[{{\"type\":\"olm.package\",\"value\":{{\"packageName\":\"{package}\",\"version\":\"1.0.0\"}}}}]}}\n"
        );
        let files = vec![(format!("configs/{package}/catalog.json"), text)];
        let labels = BTreeMap::from([(CONFIGS.to_owned(), "/configs".to_owned())]);
        samples::push_files(&target, &package.parse()?, labels, &[files]).await?;
        Ok(format!("{repository}:{package}"))
    }

    /// Sends so many requests of every kind, the users in turn.
    pub(super) async fn send(&self, requests: u32) -> anyhow::Result<Vec<Sent>> {
        let mut sent = Vec::new();
        let mut there: Vec<BTreeSet<String>> = Vec::new();
        there.resize_with(self.users as usize, BTreeSet::new);
        for number in 0..requests {
            let (user, round) = (number % self.users, number / self.users);
            let index = self.index(user);
            let package = format!("p{round}-{user}");
            let known = &mut there[user as usize];
            let (path, mut body, effect) = match (round + user) % 6 {
                0 | 3 => {
                    let bundle = self.bundle(&package).await?;
                    known.insert(package.clone());
                    ("add", json!({"bundles": [bundle]}), Effect::Adds(package))
                }
                1 => {
                    let fragment = self.fragment(&package).await?;
                    known.insert(package.clone());
                    let body = json!({"fbc_fragments": [fragment]});
                    ("fbc-operations", body, Effect::Adds(package))
                }
                2 => match known.pop_first() {
                    Some(package) => {
                        let body = json!({"operators": [package]});
                        ("rm", body, Effect::Removes(package))
                    }
                    None => ("rm", json!({"operators": ["nothing"]}), Effect::Rewrites),
                },
                4 => {
                    let schema = json!({"schema": "olm.deprecations", "package": "seed",
                        "entries": [{"reference": {"schema": "olm.package"}, "message": format!("round {round}")}]});
                    let body = json!({"operator_package": "seed", "deprecation_schema": schema.to_string()});
                    ("add-deprecations", body, Effect::Rewrites)
                }
                _ => {
                    let body = json!({"output_fbc": true});
                    ("create-empty-index", body, Effect::Nothing)
                }
            };
            body["from_index"] = json!(index);
            if effect != Effect::Nothing {
                body["overwrite_from_index"] = json!(true);
            }
            let id = self.submit(path, body, Some(user)).await?;
            sent.push(Sent { id, user, effect });
        }
        Ok(sent)
    }

    async fn submit(&self, path: &str, mut body: Value, by: Option<u32>) -> anyhow::Result<i64> {
        body["binary_image"] = json!(self.binary);
        let mut call = self.http.post(format!("{}/api/v1/builds/{path}", self.url));
        if let Some(number) = by {
            call = call.header(USER_HEADER, user(number));
        }
        let answer: Value = call.json(&body).send().await?.json().await?;
        answer["id"]
            .as_i64()
            .with_context(|| format!("no request was accepted: {answer}"))
    }

    /// The request as it is.
    pub(super) async fn request(&self, id: i64) -> anyhow::Result<Value> {
        let call = self.http.get(format!("{}/api/v1/builds/{id}", self.url));
        let answer = call.send().await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        Ok(answer.json().await?)
    }

    async fn done(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let id = self.submit(path, body, None).await?;
        for _ in 0..3000 {
            let request = self.request(id).await?;
            match request["state"].as_str() {
                Some("complete") => return Ok(request),
                Some("in_progress") => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                _ => anyhow::bail!("request {id} failed: {request}"),
            }
        }
        anyhow::bail!("request {id} does not end")
    }

    /// How many of the requests have ended.
    pub(super) async fn ended(&self, sent: &[Sent]) -> anyhow::Result<usize> {
        let mut ended = 0;
        for one in sent {
            if self.request(one.id).await?["state"] != "in_progress" {
                ended += 1;
            }
        }
        Ok(ended)
    }
}
