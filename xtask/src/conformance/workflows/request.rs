//! The recorded parameters as requests of the builder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use builder::{
    AddRequest, Builder, BuilderConfig, Checkpoint, Error, Facts, FragmentsRequest,
    GraphUpdateMode, IndexRequest, Output, OutputRepository, Overwrite, OverwriteToken, Reporter,
};
use golden::PLACEHOLDER;
use oci::PullSpec;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::scenario::Scenario;

/// Where every request puts its result.
pub(super) const OUTPUT: &str = "iib-build";

/// A request, and the configuration it was run with.
pub(super) struct Request {
    kind: Kind,
    config: BuilderConfig,
}

enum Kind {
    Add(AddRequest),
    Fragments(FragmentsRequest),
}

/// What a request that succeeded says.
pub(super) struct Made {
    /// The fields that became known at the end.
    pub(super) facts: Facts,
    /// The bundles that the index did not have before.
    pub(super) added: Vec<PullSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    request_id: u64,
    #[serde(default)]
    bundles: Vec<String>,
    #[serde(default)]
    fbc_fragments: Vec<String>,
    from_index: Option<String>,
    binary_image: Option<String>,
    #[serde(default)]
    binary_image_config: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    add_arches: Vec<String>,
    #[serde(default)]
    overwrite_from_index: bool,
    overwrite_from_index_token: Option<String>,
    distribution_scope: Option<String>,
    #[serde(default)]
    build_tags: Vec<String>,
    graph_update_mode: Option<String>,
    /// Without a token in the configuration nothing is pushed there.
    #[serde(default, rename = "index_to_gitlab_push_map")]
    _push_map: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    iib_required_labels: BTreeMap<String, String>,
    iib_index_image_output_registry: Option<String>,
}

impl Request {
    /// Reads the request of a scenario, to be worked on below `dir`.
    pub(super) fn of(scenario: &Scenario, dir: &Path) -> anyhow::Result<Self> {
        let args: Args = members("args", &scenario.args)?;
        let settings: Settings = members("config", &scenario.config)?;
        let mut config = BuilderConfig::new(dir.join("work"));
        config.required_labels = settings.iib_required_labels;
        config.shown_registry = maybe(settings.iib_index_image_output_registry.as_ref())?;
        for (scope, images) in &args.binary_image_config {
            let images = images
                .iter()
                .map(|(version, image)| Ok((version.clone(), parsed(image)?)));
            let images = images.collect::<anyhow::Result<_>>()?;
            config.binary_images.insert(parsed(scope)?, images);
        }
        let index = index_request(&args)?;
        let kind = match scenario.handler.as_str() {
            "add" => Kind::Add(AddRequest {
                bundles: all(&args.bundles)?,
                graph_update_mode: mode(args.graph_update_mode.as_deref())?,
                index,
            }),
            "fbc_operations" => Kind::Fragments(FragmentsRequest {
                fragments: all(&args.fbc_fragments)?,
                index,
            }),
            other => bail!("nobody wrote down how to do `{other}`"),
        };
        Ok(Self { kind, config })
    }

    /// Does the request.
    pub(super) async fn run(
        &self,
        client: &oci::Client,
        reporter: &dyn Reporter,
    ) -> Result<Made, Error> {
        let credentials = oci::Credentials::none();
        let builder = Builder::new(client.clone(), credentials, self.config.clone());
        match &self.kind {
            Kind::Add(request) => builder
                .add(request, reporter, Checkpoint::default())
                .await
                .map(|added| Made {
                    facts: added.built.facts,
                    added: added.bundles_added,
                }),
            Kind::Fragments(request) => builder
                .add_fragments(request, reporter, Checkpoint::default())
                .await
                .map(|added| Made {
                    facts: added.built.facts,
                    added: Vec::new(),
                }),
        }
    }
}

fn index_request(args: &Args) -> anyhow::Result<IndexRequest> {
    let overwrite = match (args.overwrite_from_index, &args.overwrite_from_index_token) {
        (false, _) => Overwrite::No,
        (true, None) => Overwrite::Yes,
        (true, Some(token)) => Overwrite::WithToken(OverwriteToken::parse(token)?),
    };
    Ok(IndexRequest {
        from_index: maybe(args.from_index.as_ref())?,
        binary_image: maybe(args.binary_image.as_ref())?,
        add_arches: all::<_, BTreeSet<_>>(&args.add_arches)?,
        overwrite,
        distribution_scope: maybe(args.distribution_scope.as_ref())?,
        output: Output {
            repository: OutputRepository::Registry(parsed(&format!("{PLACEHOLDER}/{OUTPUT}"))?),
            tag: parsed(&args.request_id.to_string())?,
            tag_is_private: true,
            build_tags: all(&args.build_tags)?,
        },
    })
}

fn mode(name: Option<&str>) -> anyhow::Result<GraphUpdateMode> {
    Ok(match name {
        None | Some("replaces") => GraphUpdateMode::Replaces,
        Some("semver") => GraphUpdateMode::Semver,
        Some("semver-skippatch") => GraphUpdateMode::SemverSkippatch,
        Some(other) => bail!("nobody wrote down what the mode `{other}` is"),
    })
}

fn members<T: for<'de> Deserialize<'de>>(
    what: &str,
    members: &Map<String, Value>,
) -> anyhow::Result<T> {
    let members = Value::Object(members.clone());
    serde_json::from_value(members).with_context(|| format!("`{what}` is not understood"))
}

fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
) -> anyhow::Result<T> {
    text.parse()
        .with_context(|| format!("`{text}` is not understood"))
}

fn maybe<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: Option<&String>,
) -> anyhow::Result<Option<T>> {
    text.map(|text| parsed(text)).transpose()
}

fn all<T, C>(texts: &[String]) -> anyhow::Result<C>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    C: FromIterator<T> + IntoIterator<Item = T>,
{
    texts.iter().map(|text| parsed::<T>(text)).collect()
}
