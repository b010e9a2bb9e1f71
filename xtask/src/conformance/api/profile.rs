//! Settings of the recorded service, as our configuration.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// A broker that cannot be reached: nobody listens at a port so low.
const NO_BROKER: &str =
    "[queues]\nbroker = \"amqp://guest:guest@127.0.0.1:1\"\non_unreachable = \"fail\"\n";

/// A way to configure the service.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    settings: Map<String, Value>,
    /// Whether handing a task to the queue always fails.
    broker_down: bool,
}

impl Profile {
    /// Every profile of the battery.
    pub(crate) fn read_all(path: &Path) -> anyhow::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("`{}` could not be read", path.display()))?;
        let profiles: Map<String, Value> = serde_json::from_str(&text)
            .with_context(|| format!("`{}` is no object", path.display()))?;
        profiles
            .into_iter()
            .map(|(name, profile)| {
                let settings = profile.get("settings").and_then(Value::as_object);
                Ok(Self {
                    settings: settings
                        .with_context(|| format!("the profile `{name}` has no settings"))?
                        .clone(),
                    broker_down: profile.get("broker").is_some_and(|broker| broker == "down"),
                    name,
                })
            })
            .collect()
    }

    /// The configuration of a server of this profile; `state` is the profile's directory. A setting that is not known here is an error:
    /// left out, it would make cases pass or fail for no reason.
    pub(crate) fn configuration(&self, state: &Path, database: &str) -> anyhow::Result<String> {
        let mut server = vec![
            r#"trusted_proxies = ["127.0.0.1"]"#.to_owned(),
            r#"user_header = "X-Remote-User""#.to_owned(),
        ];
        let mut files = Vec::new();
        let mut queues = if self.broker_down {
            NO_BROKER.to_owned()
        } else {
            String::new()
        };
        let mut binary_images = String::new();
        let mut kept = (false, false);
        for (name, value) in &self.settings {
            let directory = || {
                let text = value.as_str().context("a directory is text")?;
                Ok::<_, anyhow::Error>(text.replace("{state}", &state.display().to_string()))
            };
            match name.as_str() {
                "LOGIN_DISABLED" => server.push(format!("login_disabled = {value}")),
                "IIB_WORKER_USERNAMES" => server.push(format!("worker_usernames = {value}")),
                "IIB_GRAPH_MODE_OPTIONS" => server.push(format!("graph_mode_options = {value}")),
                "IIB_GRAPH_MODE_INDEX_ALLOW_LIST" => {
                    server.push(format!("graph_mode_index_allow_list = {value}"));
                }
                "IIB_MAX_PER_PAGE" => server.push(format!("max_per_page = {value}")),
                "IIB_REQUEST_DATA_DAYS_TO_LIVE" => {
                    server.push(format!("request_data_days_to_live = {value}"));
                }
                "IIB_REQUEST_LOGS_DIR" => {
                    kept.0 = true;
                    files.push(format!("logs_dir = {}", text(&directory()?)));
                }
                "IIB_REQUEST_RELATED_BUNDLES_DIR" => {
                    kept.1 = true;
                    files.push(format!("related_bundles_dir = {}", text(&directory()?)));
                }
                "IIB_REQUEST_RECURSIVE_RELATED_BUNDLES_DIR" => {
                    files.push(format!("nested_bundles_dir = {}", text(&directory()?)));
                }
                "IIB_BINARY_IMAGE_CONFIG" => {
                    for (scope, versions) in entries(name, value)? {
                        for (version, image) in entries(name, versions)? {
                            writeln!(binary_images, "[build.binary_images.{scope}]")?;
                            writeln!(binary_images, "{} = {image}", text(version))?;
                        }
                    }
                }
                "IIB_USER_TO_QUEUE" => {
                    writeln!(queues, "[queues.users]")?;
                    for (user, target) in entries(name, value)? {
                        writeln!(queues, "{} = {}", text(user), inline(target))?;
                    }
                }
                // Whether messages go out is compared where a server writes them to a file, which ours does not.
                "IIB_MESSAGING_BATCH_STATE_DESTINATION"
                | "IIB_MESSAGING_BUILD_STATE_DESTINATION" => {}
                _ => bail!(
                    "the profile `{}` has the setting {name}, which this runner does not know",
                    self.name
                ),
            }
        }
        if !kept.0 {
            files.push("logs = false".to_owned());
        }
        if !kept.1 {
            files.push("related_bundles = false".to_owned());
        }
        let configuration = format!(
            "[server]\n{}\n[store]\ndatabase = {}\n[files]\n{}\n[worker]\njobs = 0\n[build]\nregistry = \"registry.example.test\"\n{binary_images}{queues}",
            server.join("\n"),
            text(database),
            files.join("\n"),
        );
        Ok(configuration)
    }
}

fn entries<'a>(name: &str, value: &'a Value) -> anyhow::Result<&'a Map<String, Value>> {
    value
        .as_object()
        .with_context(|| format!("{name} is no object"))
}

/// Text as TOML, whose basic strings take every escape that JSON writes.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A string or a table of strings as TOML.
fn inline(value: &Value) -> String {
    let Value::Object(entries) = value else {
        return value.to_string();
    };
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| format!("{} = {value}", text(key)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}
