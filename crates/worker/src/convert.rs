//! A stored payload as the builder's request.

use std::collections::BTreeSet;

use api::{
    AddDeprecationsPayload, AddPayload, CreateEmptyIndexPayload, FbcOperationsPayload, Fragments,
    IndexParameters, MergeIndexImagePayload, RmPayload,
};
use builder::{
    AddRequest, BinaryImage, DeprecationsRequest, EmptyRequest, FragmentsRequest, GraphUpdateMode,
    IndexRequest, MergeRequest, Output, Overwrite, OverwriteToken, RemoveRequest, Scope,
};
use oci::{Arch, PullSpec};
use secrecy::{ExposeSecret as _, SecretString};

use crate::template::PushTemplate;

const DEPRECATION_LIST: &str = "deprecation_list";

/// Why a payload cannot be worked on. The text is the request's failure reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A parameter is no name of its kind.
    #[error("the parameter `{parameter}` cannot be used: {problem}")]
    Parameter {
        /// The parameter.
        parameter: &'static str,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// The whole type of request is one that this version does not do.
    #[error("requests of type `{kind}` are not worked on by this version of iib yet")]
    UnsupportedType {
        /// The type.
        kind: &'static str,
    },
    /// A parameter asks for what this version does not do.
    #[error(
        "the parameter `{parameter}` is not supported by this version of iib yet; submit the request without it"
    )]
    Unsupported {
        /// The parameter.
        parameter: &'static str,
    },
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn add(
    id: i64,
    payload: &AddPayload,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<AddRequest, ConvertError> {
    // Refused rather than ignored: an index without the check it was asked for is a wrong index.
    if payload.check_related_images == Some(true) {
        return Err(ConvertError::Unsupported {
            parameter: "check_related_images",
        });
    }
    Ok(AddRequest {
        bundles: images("bundles", &payload.bundles)?,
        deprecations: images(DEPRECATION_LIST, &payload.deprecation_list)?,
        graph_update_mode: graph_update_mode(payload.graph_update_mode.as_deref())?,
        index: index_request(id, &payload.index, token, template)?,
    })
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn fragments(
    id: i64,
    payload: &FbcOperationsPayload,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<FragmentsRequest, ConvertError> {
    let parameter = match payload.fragments {
        Fragments::Single(_) => "fbc_fragment",
        Fragments::List(_) => "fbc_fragments",
    };
    Ok(FragmentsRequest {
        fragments: images(parameter, payload.fragments.as_slice())?,
        index: index_request(id, &payload.index, token, template)?,
    })
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn remove(
    id: i64,
    payload: &RmPayload,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<RemoveRequest, ConvertError> {
    Ok(RemoveRequest {
        packages: payload.operators.iter().cloned().collect(),
        index: index_request(id, &payload.index, token, template)?,
    })
}

/// Makes the builder's request of `payload`, asked for by `user`, published as `template` says for `id`.
pub(crate) fn merge(
    id: i64,
    payload: &MergeIndexImagePayload,
    token: Option<&SecretString>,
    user: Option<&str>,
    template: &PushTemplate,
) -> Result<MergeRequest, ConvertError> {
    let overwrites = payload.overwrite_target_index;
    Ok(MergeRequest {
        source: registry_image("source_from_index", &payload.source_from_index)?,
        deprecations: images(DEPRECATION_LIST, &payload.deprecation_list)?,
        graph_update_mode: graph_update_mode(payload.graph_update_mode.as_deref())?,
        ignore_bundle_ocp_version: payload.ignore_bundle_ocp_version.unwrap_or_default(),
        requester: user.map(str::to_owned),
        index: IndexRequest {
            from_index: maybe_image("target_index", payload.target_index.as_deref())?,
            binary_image: maybe_binary_image(payload.binary_image.as_deref())?,
            add_arches: BTreeSet::new(),
            overwrite: overwrite("overwrite_target_index_token", overwrites, token)?,
            distribution_scope: scope(payload.distribution_scope)?,
            output: output(id, &payload.build_tags, template)?,
        },
    })
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn empty(
    id: i64,
    payload: &CreateEmptyIndexPayload,
    template: &PushTemplate,
) -> Result<EmptyRequest, ConvertError> {
    Ok(EmptyRequest {
        file_based: payload.output_fbc,
        labels: payload.labels.clone().unwrap_or_default(),
        index: IndexRequest {
            from_index: Some(registry_image("from_index", &payload.from_index)?),
            binary_image: maybe_binary_image(payload.binary_image.as_deref())?,
            add_arches: BTreeSet::new(),
            overwrite: Overwrite::No,
            distribution_scope: scope(payload.distribution_scope)?,
            output: output(id, &BTreeSet::new(), template)?,
        },
    })
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn deprecations(
    id: i64,
    payload: &AddDeprecationsPayload,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<DeprecationsRequest, ConvertError> {
    Ok(DeprecationsRequest {
        package: payload.operator_package.clone(),
        schema: payload.deprecation_schema.clone(),
        index: index_request(id, &payload.index, token, template)?,
    })
}

fn index_request(
    id: i64,
    index: &IndexParameters,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<IndexRequest, ConvertError> {
    Ok(IndexRequest {
        from_index: maybe_image("from_index", index.from_index.as_deref())?,
        binary_image: maybe_binary_image(index.binary_image.as_deref())?,
        add_arches: index
            .add_arches
            .iter()
            .map(|text| parse("add_arches", text))
            .collect::<Result<BTreeSet<Arch>, _>>()?,
        overwrite: overwrite(
            "overwrite_from_index_token",
            index.overwrite_from_index,
            token,
        )?,
        distribution_scope: scope(index.distribution_scope)?,
        output: output(id, &index.build_tags, template)?,
    })
}

fn scope(scope: Option<api::Scope>) -> Result<Option<Scope>, ConvertError> {
    scope
        .map(|scope| parse("distribution_scope", scope.name()))
        .transpose()
}

fn output(
    id: i64,
    build_tags: &BTreeSet<String>,
    template: &PushTemplate,
) -> Result<Output, ConvertError> {
    template
        .output(id, build_tags)
        .map_err(|error| problem("build_tags", &error))
}

fn maybe_image(
    parameter: &'static str,
    text: Option<&str>,
) -> Result<Option<oci::ImageName>, ConvertError> {
    text.map(|text| registry_image(parameter, text)).transpose()
}

fn maybe_binary_image(text: Option<&str>) -> Result<Option<BinaryImage>, ConvertError> {
    text.map(binary_image).transpose()
}

fn images(parameter: &'static str, texts: &[String]) -> Result<Vec<PullSpec>, ConvertError> {
    texts.iter().map(|text| parse(parameter, text)).collect()
}

fn overwrite(
    parameter: &'static str,
    overwrites: bool,
    token: Option<&SecretString>,
) -> Result<Overwrite, ConvertError> {
    match (overwrites, token) {
        (false, _) => Ok(Overwrite::No),
        (true, None) => Ok(Overwrite::Yes),
        (true, Some(token)) => OverwriteToken::parse(token.expose_secret())
            .map(Overwrite::WithToken)
            .map_err(|error| problem(parameter, &error)),
    }
}

fn graph_update_mode(text: Option<&str>) -> Result<GraphUpdateMode, ConvertError> {
    match text {
        None | Some("replaces") => Ok(GraphUpdateMode::Replaces),
        Some("semver") => Ok(GraphUpdateMode::Semver),
        Some("semver-skippatch") => Ok(GraphUpdateMode::SemverSkippatch),
        Some(other) => Err(ConvertError::Parameter {
            parameter: "graph_update_mode",
            problem: format!("`{other}` is not `replaces`, `semver` or `semver-skippatch`"),
        }),
    }
}

fn binary_image(text: &str) -> Result<BinaryImage, ConvertError> {
    match text {
        "scratch" => Ok(BinaryImage::Scratch),
        other => registry_image("binary_image", other).map(BinaryImage::Image),
    }
}

/// Requests name images in registries: a directory of the service's host is nobody's to name through the API.
fn registry_image(parameter: &'static str, text: &str) -> Result<oci::ImageName, ConvertError> {
    parse::<PullSpec>(parameter, text).map(oci::ImageName::Registry)
}

fn parse<T: std::str::FromStr<Err: std::error::Error>>(
    parameter: &'static str,
    text: &str,
) -> Result<T, ConvertError> {
    text.parse().map_err(|error| problem(parameter, &error))
}

fn problem(parameter: &'static str, error: &impl std::error::Error) -> ConvertError {
    ConvertError::Parameter {
        parameter,
        problem: error.to_string(),
    }
}
