//! A stored payload as the builder's request.

use std::collections::BTreeSet;

use api::{AddPayload, FbcOperationsPayload, Fragments, IndexParameters};
use builder::{
    AddRequest, BinaryImage, FragmentsRequest, GraphUpdateMode, IndexRequest, Overwrite,
    OverwriteToken, Scope,
};
use oci::{Arch, PullSpec};
use secrecy::{ExposeSecret as _, SecretString};

use crate::template::PushTemplate;

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
pub(crate) fn add_request(
    id: i64,
    payload: &AddPayload,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<AddRequest, ConvertError> {
    // Refused rather than ignored: an index without the deprecations or the check it was asked for is a wrong index.
    if !payload.deprecation_list.is_empty() {
        return Err(ConvertError::Unsupported {
            parameter: "deprecation_list",
        });
    }
    if payload.check_related_images == Some(true) {
        return Err(ConvertError::Unsupported {
            parameter: "check_related_images",
        });
    }
    Ok(AddRequest {
        bundles: images("bundles", &payload.bundles)?,
        graph_update_mode: graph_update_mode(payload.graph_update_mode.as_deref())?,
        index: index_request(id, &payload.index, token, template)?,
    })
}

/// Makes the builder's request of `payload`, published as `template` says for `id`.
pub(crate) fn fragments_request(
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

fn index_request(
    id: i64,
    index: &IndexParameters,
    token: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<IndexRequest, ConvertError> {
    Ok(IndexRequest {
        from_index: index
            .from_index
            .as_deref()
            .map(|text| registry_image("from_index", text))
            .transpose()?,
        binary_image: index
            .binary_image
            .as_deref()
            .map(binary_image)
            .transpose()?,
        add_arches: index
            .add_arches
            .iter()
            .map(|text| parse("add_arches", text))
            .collect::<Result<BTreeSet<Arch>, _>>()?,
        overwrite: overwrite(index, token)?,
        distribution_scope: index
            .distribution_scope
            .map(|scope| parse::<Scope>("distribution_scope", scope.name()))
            .transpose()?,
        output: template
            .output(id, &index.build_tags)
            .map_err(|error| problem("build_tags", &error))?,
    })
}

fn images(parameter: &'static str, texts: &[String]) -> Result<Vec<PullSpec>, ConvertError> {
    texts.iter().map(|text| parse(parameter, text)).collect()
}

fn overwrite(
    index: &IndexParameters,
    token: Option<&SecretString>,
) -> Result<Overwrite, ConvertError> {
    match (index.overwrite_from_index, token) {
        (false, _) => Ok(Overwrite::No),
        (true, None) => Ok(Overwrite::Yes),
        (true, Some(token)) => OverwriteToken::parse(token.expose_secret())
            .map(Overwrite::WithToken)
            .map_err(|error| problem("overwrite_from_index_token", &error)),
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
