//! The recorded parameters as requests of the builder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use builder::{
    AddRequest, Builder, BuilderConfig, Built, Checkpoint, DeprecationsRequest, EmptyRequest,
    Error, Facts, FragmentsRequest, GraphUpdateMode, IndexRequest, MergeRequest, Output,
    OutputRepository, Overwrite, OverwriteToken, RegenerateRequest, RelatedImages, RelatedRequest,
    RemoveRequest, Reporter,
};
use bundle::source::Organizations;
use golden::PLACEHOLDER;
use oci::PullSpec;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::scenario::Scenario;

/// Where every request puts its result.
pub(super) const OUTPUT: &str = "iib-build";

/// A request, and the configuration it was run with.
pub(super) struct Request {
    kind: Kind,
    config: BuilderConfig,
    id: u64,
}

enum Kind {
    Add(AddRequest),
    Fragments(FragmentsRequest),
    Remove(RemoveRequest),
    Merge(MergeRequest),
    Empty(EmptyRequest),
    Deprecations(DeprecationsRequest),
    Regenerate(RegenerateRequest),
    Related(RelatedRequest),
}

/// What a request that succeeded says.
pub(super) struct Made {
    /// The fields that became known at the end.
    pub(super) facts: Facts,
    /// The bundles that the index did not have before.
    pub(super) added: Vec<PullSpec>,
    /// The file it left, by name.
    pub(super) files: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the parameters of the contract"
)]
struct Args {
    request_id: u64,
    #[serde(default)]
    bundles: Vec<String>,
    #[serde(default)]
    fbc_fragments: Vec<String>,
    #[serde(default)]
    operators: Vec<String>,
    #[serde(default)]
    deprecation_list: Vec<String>,
    source_from_index: Option<String>,
    target_index: Option<String>,
    #[serde(default)]
    overwrite_target_index: bool,
    overwrite_target_index_token: Option<String>,
    #[serde(default)]
    ignore_bundle_ocp_version: bool,
    #[serde(default)]
    output_fbc: bool,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    operator_package: Option<String>,
    deprecation_schema: Option<String>,
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
    #[serde(default)]
    check_related_images: bool,
    #[serde(default)]
    username: Option<String>,
    from_bundle_image: Option<String>,
    parent_bundle_image: Option<String>,
    organization: Option<String>,
    #[serde(default)]
    bundle_replacements: BTreeMap<String, String>,
    /// Without a token in the configuration nothing is pushed there.
    #[serde(default, rename = "index_to_gitlab_push_map")]
    _push_map: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "they are named as in the recordings"
)]
struct Settings {
    #[serde(default)]
    iib_required_labels: BTreeMap<String, String>,
    #[serde(default)]
    iib_no_ocp_label_allow_list: Vec<String>,
    iib_index_image_output_registry: Option<String>,
    #[serde(default)]
    iib_organization_customizations: Organizations,
}

impl Request {
    /// Reads the request of a scenario, to be worked on below `dir`.
    pub(super) fn of(scenario: &Scenario, dir: &Path) -> anyhow::Result<Self> {
        let args: Args = members("args", &scenario.args)?;
        let settings: Settings = members("config", &scenario.config)?;
        let mut config = BuilderConfig::new(dir.join("work"));
        config.required_labels = settings.iib_required_labels;
        config.no_ocp_label_allow_list = settings.iib_no_ocp_label_allow_list;
        config.organizations = settings.iib_organization_customizations;
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
                gating: None,
                bundles: all(&args.bundles)?,
                deprecations: all(&args.deprecation_list)?,
                graph_update_mode: mode(args.graph_update_mode.as_deref())?,
                related_images: if args.check_related_images {
                    let user = args.username;
                    RelatedImages::Readable { user }
                } else {
                    RelatedImages::Any
                },
                index,
            }),
            "regenerate_bundle" => Kind::Regenerate(RegenerateRequest {
                from_bundle: parsed(required(
                    "from_bundle_image",
                    args.from_bundle_image.as_ref(),
                )?)?,
                organization: args.organization,
                replacements: args
                    .bundle_replacements
                    .iter()
                    .map(|(old, new)| Ok((parsed(old)?, parsed(new)?)))
                    .collect::<anyhow::Result<_>>()?,
                auths: None,
                output: index.output,
            }),
            "recursive_related_bundles" => Kind::Related(RelatedRequest {
                parent: parsed(required(
                    "parent_bundle_image",
                    args.parent_bundle_image.as_ref(),
                )?)?,
                organization: args.organization,
                direct_only: false,
                auths: None,
            }),
            "fbc_operations" => Kind::Fragments(FragmentsRequest {
                fragments: all(&args.fbc_fragments)?,
                index,
            }),
            "rm" => Kind::Remove(RemoveRequest {
                packages: args.operators.into_iter().collect(),
                index,
            }),
            "merge" => Kind::Merge(MergeRequest {
                source: parsed(required(
                    "source_from_index",
                    args.source_from_index.as_ref(),
                )?)?,
                deprecations: all(&args.deprecation_list)?,
                graph_update_mode: mode(args.graph_update_mode.as_deref())?,
                ignore_bundle_ocp_version: args.ignore_bundle_ocp_version,
                requester: scenario.user.clone(),
                index,
            }),
            "create_empty_index" => Kind::Empty(EmptyRequest {
                file_based: args.output_fbc,
                labels: args.labels,
                index,
            }),
            "add_deprecations" => Kind::Deprecations(DeprecationsRequest {
                package: required("operator_package", args.operator_package.as_ref())?.clone(),
                schema: required("deprecation_schema", args.deprecation_schema.as_ref())?.clone(),
                index,
            }),
            other => bail!("nobody wrote down how to do `{other}`"),
        };
        let id = args.request_id;
        Ok(Self { kind, config, id })
    }

    /// Does the request.
    pub(super) async fn run(
        &self,
        client: &oci::Client,
        reporter: &dyn Reporter,
    ) -> Result<Made, Error> {
        let credentials = oci::Credentials::none();
        let builder = Builder::new(client.clone(), credentials, self.config.clone());
        let start = Checkpoint::default();
        let (built, added): (Built, Vec<PullSpec>) = match &self.kind {
            Kind::Add(request) => {
                let done = builder.add(request, reporter, start).await?;
                (done.built, done.bundles_added)
            }
            Kind::Fragments(request) => {
                let done = builder.add_fragments(request, reporter, start).await?;
                (done.built, Vec::new())
            }
            Kind::Remove(request) => {
                let done = builder.remove(request, reporter, start).await?;
                (done.built, Vec::new())
            }
            Kind::Merge(request) => {
                let done = builder.merge(request, reporter, start).await?;
                (done.built, done.added)
            }
            Kind::Empty(request) => {
                let built = builder.empty(request, reporter, start).await?;
                (built, Vec::new())
            }
            Kind::Deprecations(request) => {
                let built = builder.deprecate(request, reporter, start).await?;
                (built, Vec::new())
            }
            Kind::Regenerate(request) => {
                let done = builder.regenerate(request, reporter, start).await?;
                let related = done.changes.related_bundles.map(|bundles| json!(bundles));
                return Ok(self.left("related_bundles", related, done.facts));
            }
            Kind::Related(request) => {
                let done = builder.related_bundles(request, reporter, start).await?;
                let bundles = Some(json!(done.bundles));
                return Ok(self.left("recursive_related_bundles", bundles, done.facts));
            }
        };
        Ok(Made {
            facts: built.facts,
            added,
            files: BTreeMap::new(),
        })
    }

    /// What a request on bundles made, which leaves a list in a file.
    fn left(&self, name: &str, list: Option<Value>, facts: Facts) -> Made {
        let file = list.map(|list| (format!("{}_{name}.json", self.id), list));
        Made {
            facts,
            added: Vec::new(),
            files: file.into_iter().collect(),
        }
    }
}

fn index_request(args: &Args) -> anyhow::Result<IndexRequest> {
    // A merge calls the index that it may overwrite its target.
    let token = &args.overwrite_from_index_token;
    let token = token
        .as_ref()
        .or(args.overwrite_target_index_token.as_ref());
    let overwrites = args.overwrite_from_index || args.overwrite_target_index;
    let overwrite = match (overwrites, token) {
        (false, _) => Overwrite::No,
        (true, None) => Overwrite::Yes,
        (true, Some(token)) => Overwrite::WithToken(OverwriteToken::parse(token)?),
    };
    let from_index = args.from_index.as_ref().or(args.target_index.as_ref());
    Ok(IndexRequest {
        from_index: maybe(from_index)?,
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
        dry_run: false,
    })
}

fn required<'args>(name: &str, value: Option<&'args String>) -> anyhow::Result<&'args String> {
    value.with_context(|| format!("the parameter `{name}` is missing"))
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
