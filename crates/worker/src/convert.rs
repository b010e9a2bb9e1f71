//! A stored payload as the builder's request.

use std::collections::BTreeSet;

use api::{
    AddDeprecationsPayload, AddPayload, CreateEmptyIndexPayload, FbcOperationsPayload, Fragments,
    IndexParameters, MergeIndexImagePayload, RecursiveRelatedBundlesPayload,
    RegenerateBundlePayload, RmPayload,
};
use builder::{
    AddRequest, BinaryImage, DeprecationsRequest, EmptyRequest, FragmentsRequest, GraphUpdateMode,
    IndexRequest, MergeRequest, Output, Overwrite, OverwriteToken, RegenerateRequest,
    RegistryAuths, RelatedImages, RelatedRequest, RemoveRequest, Scope,
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
}

/// Makes the builder's request of `payload`, asked for by `user`, published as `template` says for `id`.
pub(crate) fn add(
    id: i64,
    payload: &AddPayload,
    token: Option<&SecretString>,
    user: Option<&str>,
    template: &PushTemplate,
) -> Result<AddRequest, ConvertError> {
    Ok(AddRequest {
        gating: None,
        bundles: images("bundles", &payload.bundles)?,
        deprecations: images(DEPRECATION_LIST, &payload.deprecation_list)?,
        graph_update_mode: graph_update_mode(payload.graph_update_mode.as_deref())?,
        related_images: if payload.check_related_images == Some(true) {
            RelatedImages::Readable {
                user: user.map(str::to_owned),
            }
        } else {
            RelatedImages::Any
        },
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
            dry_run: false,
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
            dry_run: false,
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

/// Makes the builder's request of `payload` with credentials of its own, published as `template` says for `id`.
pub(crate) fn regenerate(
    id: i64,
    payload: &RegenerateBundlePayload,
    auths: Option<&SecretString>,
    template: &PushTemplate,
) -> Result<RegenerateRequest, ConvertError> {
    let parameter = "bundle_replacements";
    let replacements = payload.bundle_replacements.iter();
    let replacements = replacements
        .map(|(old, new)| Ok((parse(parameter, old)?, parse(parameter, new)?)))
        .collect::<Result<_, ConvertError>>()?;
    Ok(RegenerateRequest {
        from_bundle: registry_image("from_bundle_image", &payload.from_bundle_image)?,
        organization: payload.organization.clone(),
        replacements,
        auths: registry_auths(auths)?,
        output: output(id, &BTreeSet::new(), template)?,
    })
}

/// Makes the builder's request of `payload` with credentials of its own.
pub(crate) fn related(
    payload: &RecursiveRelatedBundlesPayload,
    auths: Option<&SecretString>,
) -> Result<RelatedRequest, ConvertError> {
    Ok(RelatedRequest {
        parent: registry_image("parent_bundle_image", &payload.parent_bundle_image)?,
        organization: payload.organization.clone(),
        direct_only: false,
        auths: registry_auths(auths)?,
    })
}

fn registry_auths(text: Option<&SecretString>) -> Result<Option<RegistryAuths>, ConvertError> {
    let auths = text.map(RegistryAuths::parse).transpose();
    auths.map_err(|error| problem("registry_auths", &error))
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
        dry_run: false,
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "c2VjcmV0";
    const WRONG: &str = "r/UPPER:1";

    fn template() -> PushTemplate {
        "r.example/iib-build:{request_id}".parse().unwrap()
    }

    /// The error names the parameter and says what is wrong, but no secret.
    #[track_caller]
    fn check<T: std::fmt::Debug>(converted: Result<T, ConvertError>, parameter: &str, part: &str) {
        let text = converted.unwrap_err().to_string();
        let named = format!("the parameter `{parameter}` cannot be used: ");
        assert!(text.starts_with(&named) && text.contains(part), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }

    #[test]
    fn what_cannot_be_used_is_named_by_its_parameter() {
        type Change = fn(&mut AddPayload);
        let cases: [(&str, &str, Change); 8] = [
            ("bundles", "UPPER", |add| add.bundles.push(WRONG.to_owned())),
            ("deprecation_list", "UPPER", |add| {
                add.deprecation_list.push(WRONG.to_owned());
            }),
            ("from_index", "UPPER", |add| {
                add.index.from_index = Some(WRONG.to_owned());
            }),
            ("binary_image", "UPPER", |add| {
                add.index.binary_image = Some(WRONG.to_owned());
            }),
            ("add_arches", "x 86", |add| {
                add.index.add_arches.push("x 86".to_owned());
            }),
            ("build_tags", "a b", |add| {
                add.index.build_tags.insert("a b".to_owned());
            }),
            ("graph_update_mode", "`other` is not `replaces`", |add| {
                add.graph_update_mode = Some("other".to_owned());
            }),
            ("overwrite_from_index_token", "`user:password`", |add| {
                add.index.overwrite_from_index = true;
            }),
        ];
        let token = SecretString::from(SECRET);
        for (parameter, part, change) in cases {
            let mut payload = AddPayload::default();
            change(&mut payload);
            let converted = add(7, &payload, Some(&token), None, &template());
            check(converted, parameter, part);
        }
    }

    #[test]
    fn secrets_that_cannot_be_read_are_not_repeated() {
        let mut payload = MergeIndexImagePayload::default();
        payload.source_from_index = "r/source:1".to_owned();
        payload.overwrite_target_index = true;
        let token = SecretString::from(SECRET);
        let merged = merge(7, &payload, Some(&token), None, &template());
        check(merged, "overwrite_target_index_token", "`user:password`");

        let mut payload = RegenerateBundlePayload::default();
        payload.from_bundle_image = "r/bundle:1".to_owned();
        for auth in ["%%%", SECRET] {
            let auths = format!(r#"{{"auths": {{"r": {{"auth": "{auth}"}}}}}}"#);
            let auths = SecretString::from(auths);
            let converted = regenerate(7, &payload, Some(&auths), &template());
            check(converted, "registry_auths", "`user:password` in base64");
        }
    }
}
