//! The request that makes a bundle anew for an organisation (spec workflows 5.7).

mod assemble;

use std::collections::{BTreeMap, BTreeSet};

use bundle::source::{
    Annotations, Csv, Customised, Customiser, LineEdit, Plan, PullSpec, Purpose, is_truthy,
};
use futures::FutureExt as _;
use oci::{Arch, Client, Digest, ImageName, Usage};

use crate::Builder;
use crate::blocking::blocking;
use crate::bundle_source::{self, RegistryAuths, SourceFiles, refused};
use crate::error::{Error, Role};
use crate::image::{FoundImage, label};
use crate::labels;
use crate::lookup::{Lookups, customise};
use crate::progress::{Checkpoint, Facts, Phase, Reporter, ResolvedInputs};
use crate::request::Output;
use crate::stages::assemble::Assembled;
use crate::stages::base::Base;
use crate::stages::blobs::{BlobCounts, Sources};
use crate::stages::prepare::platforms;
use crate::stages::publish;
use crate::work_dir::WorkDir;

/// Make a bundle image anew, as an organisation wants it (`regenerate-bundle` of the REST contract).
#[derive(Clone, Debug)]
pub struct RegenerateRequest {
    /// The bundle image to start from.
    pub from_bundle: ImageName,
    /// Whose customisations apply; the usual ones without.
    pub organization: Option<String>,
    /// Bundles to name in place of others, where the customisations say so.
    pub replacements: BTreeMap<PullSpec, PullSpec>,
    /// Credentials for this request alone.
    pub auths: Option<RegistryAuths>,
    /// Where the result goes.
    pub output: Output,
}

/// A bundle made anew.
#[derive(Clone, Debug)]
pub struct Regenerated {
    /// The result fields that became known with the publication.
    pub facts: Facts,
    /// The digest of the manifest list.
    pub digest: Digest,
    /// The digest of each architecture's image.
    pub images: BTreeMap<Arch, Digest>,
    /// What was changed.
    pub changes: BundleChanges,
    /// What became of the result's blobs.
    pub blobs: BlobCounts,
    /// What it took of the network: requests, bytes of bodies.
    pub usage: Usage,
}

/// What making a bundle anew changes in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleChanges {
    /// The files with other content, by their paths in the image.
    pub files: BTreeMap<String, ChangedFile>,
    /// The labels that are set.
    pub labels: BTreeMap<String, String>,
    /// The bundles among the images it names, if a customisation asked for them.
    pub related_bundles: Option<BTreeSet<String>>,
}

/// A file before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its former bytes.
    pub before: Vec<u8>,
    /// Its bytes now.
    pub after: Vec<u8>,
    /// What was changed, step by step.
    pub edits: Vec<LineEdit>,
}

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest. Of the source, one architecture's layers are streamed to find what is to be changed;
    /// the others' are copied where the registry cannot mount them.
    ///
    /// # Errors
    /// As for [`Builder::add`].
    pub async fn regenerate(
        &self,
        request: &RegenerateRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Regenerated, Error> {
        let directory = WorkDir::create(&self.config).await?;
        let regenerated = regenerate(self, request, reporter, checkpoint, &directory);
        let regenerated = regenerated.boxed().await;
        directory.remove().await;
        regenerated
    }

    /// What [`Builder::regenerate`] would change; nothing is published.
    ///
    /// # Errors
    /// As for [`Builder::add`].
    pub async fn preview_regenerated(
        &self,
        request: &RegenerateRequest,
    ) -> Result<BundleChanges, Error> {
        let client = self.client_with(request.auths.as_ref());
        let blobs = self.blobs().await?;
        let (name, role) = (&request.from_bundle, Role::FromBundle);
        let image = FoundImage::find(&client, Some(blobs), name, role, None).await?;
        arches(&image).await?;
        changes(self, &client, request, &image).boxed().await
    }
}

async fn regenerate(
    builder: &Builder,
    request: &RegenerateRequest,
    reporter: &dyn Reporter,
    mut checkpoint: Checkpoint,
    directory: &WorkDir,
) -> Result<Regenerated, Error> {
    let (config, before) = (&builder.config, builder.client.usage());
    let client = builder.client_with(request.auths.as_ref());
    reporter
        .phase(&Phase::ResolvingFromBundle, &Facts::default())
        .await?;
    let known = checkpoint.inputs.as_ref();
    let known = known.and_then(|inputs| inputs.images.first().cloned());
    let (name, blobs) = (&request.from_bundle, builder.blobs().await?);
    let role = Role::FromBundle;
    let image = FoundImage::find(&client, Some(blobs), name, role, known.as_ref()).await?;
    let arches = arches(&image).await?;
    let platforms = platforms(&image, &arches, config).await?;
    let arches: Vec<Arch> = arches.into_iter().collect();
    let mut facts = Facts {
        arches: Some(arches.clone()),
        from_bundle_image_resolved: Some(image.resolved()),
        ..Facts::default()
    };
    checkpoint.inputs = Some(ResolvedInputs {
        images: vec![image.digest().clone()],
        from_index: None,
        source: None,
        binary_image: None,
    });
    reporter.checkpoint(&checkpoint).await?;
    reporter.phase(&Phase::Regenerating(arches), &facts).await?;
    let changes = Box::pin(changes(builder, &client, request, &image)).await?;
    let assembled = assembled(builder, &image, platforms, &changes, directory).await?;
    let sources = Sources {
        binary_image: Some(&image.repository),
        from_index: None,
    };
    let output = &request.output;
    let publish = publish::publish(&client, config, output, &sources, &assembled, reporter);
    let published = Box::pin(publish).await?;
    let shown = publish::result_facts(config, output, None, &published.digest);
    facts.bundle_image = shown.index_image;
    let digests = assembled.images.iter();
    let digests = digests.map(|(arch, image)| (arch.clone(), image.manifest.digest.clone()));
    Ok(Regenerated {
        facts,
        digest: published.digest,
        images: digests.collect(),
        changes,
        blobs: published.blobs,
        usage: client.usage() - before,
    })
}

/// Lays what changed over the image of every architecture.
async fn assembled(
    builder: &Builder,
    image: &FoundImage,
    platforms: BTreeMap<Arch, Base>,
    changes: &BundleChanges,
    directory: &WorkDir,
) -> Result<Assembled, Error> {
    let (config, name) = (builder.config.clone(), image.name.to_string());
    let (changes, path) = (changes.clone(), directory.path().join("bundle.tar.gz"));
    blocking(move || assemble::assemble(&config, &name, &platforms, &changes, &path)).await
}

/// Reads the bundle and takes it through its customisations.
/// What the bundle is made anew for.
async fn arches(image: &FoundImage) -> Result<BTreeSet<Arch>, Error> {
    let arches = image.arches().await?;
    if arches.is_empty() {
        return Err(image.empty_list());
    }
    Ok(arches)
}

async fn changes(
    builder: &Builder,
    client: &Client,
    request: &RegenerateRequest,
    image: &FoundImage,
) -> Result<BundleChanges, Error> {
    let platform = image.for_labels().await?;
    let image_labels = platform.config.labels();
    let plan = Plan {
        customisations: builder
            .config
            .organizations
            .customisations(request.organization.as_deref()),
        is_pinned: label(&image_labels, labels::PINNED).is_some_and(is_truthy),
        replacements: request.replacements.clone(),
        purpose: Purpose::Regenerate,
    };
    let source = bundle_source::read(image, &platform).await?;
    let (source, read) = blocking(move || {
        let files = &source.files;
        let read = Csv::find(files).and_then(|csv| Ok((csv, Annotations::read(files)?)));
        Ok((source, read))
    })
    .await?;
    let (csv, annotations) = read.map_err(refused(&image.name))?;
    let blobs = builder.blobs().await?.clone();
    let lookups = Lookups::new(client.clone(), blobs, &builder.config);
    let steps = Customiser::new(csv, annotations, plan);
    let customised = customise(&lookups, &image.name, steps).await?;
    Ok(BundleChanges::of(&customised, &source))
}

impl BundleChanges {
    fn of(customised: &Customised, source: &SourceFiles) -> Self {
        let changed = customised.changed().map(|file| {
            let before = source.files.get(file.path()).cloned().unwrap_or_default();
            let after = file.bytes().to_vec();
            let edits = file.log().lines(&before);
            let place = source.place(file.path());
            (
                place,
                ChangedFile {
                    before,
                    after,
                    edits,
                },
            )
        });
        let names = |specs: &BTreeSet<PullSpec>| specs.iter().map(ToString::to_string).collect();
        Self {
            files: changed
                .filter(|(_, file)| file.before != file.after)
                .collect(),
            labels: customised.labels.clone(),
            related_bundles: customised.related_bundles.as_ref().map(names),
        }
    }
}
