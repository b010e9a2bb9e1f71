//! The submits: what the command line says, as the service takes it.

use anyhow::Context as _;
use api::batch::BatchKind;
use client::{
    Add, AddDeprecations, Batch, CreateEmptyIndex, FbcOperations, IndexOptions, MergeIndexImage,
    RecursiveRelatedBundles, RegenerateBundle, Request, Rm, Submission,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{connect, print, wait};
use crate::cli::request::{
    AddArgs, AddDeprecationsArgs, BatchArgs, BundleArgs, CreateEmptyIndexArgs, FbcOperationsArgs,
    IndexArgs, MergeIndexImageArgs, RecursiveRelatedBundlesArgs, RegenerateBundleArgs, RmArgs,
    SubmitArgs,
};
use crate::terminal;

pub(super) async fn add(args: AddArgs) -> anyhow::Result<()> {
    let submission = Submission::Add(Add {
        bundles: args.bundles,
        index: index(args.index).await?,
        graph_update_mode: args.graph_update_mode,
        check_related_images: args.check_related_images,
        deprecation_list: args.deprecation_list,
    });
    submit(submission, args.submit).await
}

pub(super) async fn rm(args: RmArgs) -> anyhow::Result<()> {
    let submission = Submission::Rm(Rm {
        operators: args.operators,
        index: index(args.index).await?,
    });
    submit(submission, args.submit).await
}

pub(super) async fn regenerate_bundle(args: RegenerateBundleArgs) -> anyhow::Result<()> {
    let submission = Submission::RegenerateBundle(RegenerateBundle {
        from_bundle_image: args.from_bundle_image,
        bundle_replacements: args.replacements.into_iter().collect(),
        registry_auths: registry_auths(&args.bundle).await?,
        organization: args.bundle.organization,
    });
    submit(submission, args.submit).await
}

pub(super) async fn merge_index_image(args: MergeIndexImageArgs) -> anyhow::Result<()> {
    let token = if args.overwrite_target_index {
        let file = args.overwrite_token_file.as_deref();
        connect::secret(file, "IIB_OVERWRITE_TARGET_INDEX_TOKEN").await?
    } else {
        None
    };
    let submission = Submission::MergeIndexImage(MergeIndexImage {
        source_from_index: args.source_from_index,
        target_index: args.target_index,
        binary_image: args.base.binary_image,
        overwrite_target_index: args.overwrite_target_index,
        overwrite_target_index_token: token,
        deprecation_list: args.deprecation_list,
        distribution_scope: args.base.distribution_scope,
        build_tags: args.build_tags,
        graph_update_mode: args.graph_update_mode,
        ignore_bundle_ocp_version: args.ignore_bundle_ocp_version,
    });
    submit(submission, args.submit).await
}

pub(super) async fn create_empty_index(args: CreateEmptyIndexArgs) -> anyhow::Result<()> {
    let submission = Submission::CreateEmptyIndex(CreateEmptyIndex {
        from_index: args.from_index,
        binary_image: args.base.binary_image,
        distribution_scope: args.base.distribution_scope,
        labels: args.labels.into_iter().collect(),
        output_fbc: args.output_fbc,
    });
    submit(submission, args.submit).await
}

pub(super) async fn recursive_related_bundles(
    args: RecursiveRelatedBundlesArgs,
) -> anyhow::Result<()> {
    let submission = Submission::RecursiveRelatedBundles(RecursiveRelatedBundles {
        parent_bundle_image: args.parent_bundle_image,
        registry_auths: registry_auths(&args.bundle).await?,
        organization: args.bundle.organization,
    });
    submit(submission, args.submit).await
}

pub(super) async fn fbc_operations(args: FbcOperationsArgs) -> anyhow::Result<()> {
    let submission = Submission::FbcOperations(FbcOperations {
        fbc_fragments: args.fragments,
        index: index(args.index).await?,
    });
    submit(submission, args.submit).await
}

pub(super) async fn add_deprecations(args: AddDeprecationsArgs) -> anyhow::Result<()> {
    let submission = Submission::AddDeprecations(AddDeprecations {
        operator_package: args.package,
        deprecation_schema: connect::read(&args.schema).await?,
        index: index(args.index).await?,
    });
    submit(submission, args.submit).await
}

pub(super) async fn batch(kind: BatchKind, args: BatchArgs) -> anyhow::Result<()> {
    /// A batch as the service has it, as far as it has to be understood here.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        build_requests: Vec<Value>,
        annotations: Option<Map<String, Value>>,
    }
    let text = connect::read(&args.file).await?;
    let file: File = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a batch", args.file.display()))?;
    let client = connect::client(&args.submit.service).await?;
    let batch = Batch {
        build_requests: file.build_requests,
        annotations: file.annotations,
    };
    let submitted = client.submit_batch(kind, &batch).await?;
    finish(&client, submitted, &args.submit).await
}

async fn submit(submission: Submission, args: SubmitArgs) -> anyhow::Result<()> {
    let client = connect::client(&args.service).await?;
    let submitted = client.submit(&submission).await?;
    finish(&client, vec![submitted], &args).await
}

/// Prints what was submitted, or waits for it.
async fn finish(
    client: &client::Client,
    submitted: Vec<Request>,
    args: &SubmitArgs,
) -> anyhow::Result<()> {
    if !args.wait {
        return print::submitted(&submitted, args.output);
    }
    let mut ended = Vec::with_capacity(submitted.len());
    for request in submitted {
        terminal::complain(&format!(
            "request {} ({}), also to be followed with `iib request watch {}`",
            request.id, request.request_type, request.id
        ));
        ended.push(wait::until_ended(client, request.id, wait::Logs::Left).await?);
    }
    print::ended(&ended, args.output)
}

async fn index(args: IndexArgs) -> anyhow::Result<IndexOptions> {
    let token = if args.overwrite_from_index {
        let file = args.overwrite_token_file.as_deref();
        connect::secret(file, "IIB_OVERWRITE_FROM_INDEX_TOKEN").await?
    } else {
        None
    };
    Ok(IndexOptions {
        from_index: args.from_index,
        add_arches: args.arches,
        binary_image: args.base.binary_image,
        overwrite_from_index: args.overwrite_from_index,
        overwrite_from_index_token: token,
        distribution_scope: args.base.distribution_scope,
        build_tags: args.build_tags,
    })
}

async fn registry_auths(args: &BundleArgs) -> anyhow::Result<Option<SecretString>> {
    match &args.registry_auths {
        None => Ok(None),
        Some(file) => Ok(Some(connect::read(file).await?.into())),
    }
}
