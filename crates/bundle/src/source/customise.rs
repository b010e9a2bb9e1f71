//! An organisation's customisations, applied to a bundle one after the other.
//!
//! Nothing is looked up here: [`Customiser::question`] says what a registry is to be asked next, for many images at once, and goes on with the
//! answers.

mod config;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use super::{Annotations, Csv, PACKAGE_LABEL, PullSpec, SourceError, SourceFile, is_bundle};

pub use config::{Customisation, Organizations};
pub use template::{AnnotationTemplate, LabelTemplate, TemplateError};

/// The label that says that the pull specs of a bundle are resolved.
const PINNED_LABEL: &str = "com.redhat.iib.pinned";

/// What is to be done to a bundle.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The steps, in their order.
    pub customisations: Vec<Customisation>,
    /// Whether the bundle says that its pull specs are resolved already.
    pub is_pinned: bool,
    /// The bundles that the request wants replaced, and by which.
    pub replacements: BTreeMap<PullSpec, PullSpec>,
    /// What all this is for.
    pub purpose: Purpose,
}

/// What a bundle is customised for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be published anew.
    #[default]
    Regenerate,
    /// To find its related bundles: the steps up to that one are done, the rest is not.
    Relate,
}

/// What a registry is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The digests of these images now; those that have one must exist, too.
    Digests(BTreeSet<PullSpec>),
    /// The labels of these images.
    Labels(BTreeSet<PullSpec>),
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Customised {
    /// The CSV, changed or not.
    pub csv: Csv,
    /// The annotations, changed or not.
    pub annotations: Annotations,
    /// The labels to be set on the image.
    pub labels: BTreeMap<String, String>,
    /// The bundles among the images, if a step asked for them.
    pub related_bundles: Option<BTreeSet<PullSpec>>,
}

impl Customised {
    /// The files that were changed.
    pub fn changed(&self) -> impl Iterator<Item = &SourceFile> {
        let files = [self.csv.file(), self.annotations.file()];
        files.into_iter().filter(|file| !file.log().is_empty())
    }
}

/// A bundle on its way through its customisations.
#[derive(Debug)]
pub struct Customiser {
    plan: Plan,
    /// How many steps are done.
    done: usize,
    digests: Option<BTreeMap<PullSpec, String>>,
    image_labels: Option<BTreeMap<PullSpec, BTreeMap<String, String>>>,
    result: Customised,
}

/// Whether a step is done.
enum Progress {
    Done,
    Asks(Question),
}

impl Customiser {
    /// A bundle before the first step.
    pub fn new(csv: Csv, annotations: Annotations, plan: Plan) -> Self {
        Self {
            plan,
            done: 0,
            digests: None,
            image_labels: None,
            result: Customised {
                csv,
                annotations,
                labels: BTreeMap::new(),
                related_bundles: None,
            },
        }
    }

    /// Does what can be done; gives what is to be asked before it can go on, or nothing if all is done.
    ///
    /// # Errors
    /// [`SourceError`] if a step cannot be done.
    pub fn question(&mut self) -> Result<Option<Question>, SourceError> {
        loop {
            let step = self.plan.customisations.get(self.done).cloned();
            let progress = match step {
                Some(step) => self.step(&step)?,
                // The children of a bundle are what all this was for.
                None if self.plan.purpose == Purpose::Relate
                    && self.result.related_bundles.is_none() =>
                {
                    self.relate()?
                }
                None => return Ok(None),
            };
            match progress {
                Progress::Asks(question) => return Ok(Some(question)),
                Progress::Done => {
                    self.done += 1;
                    (self.digests, self.image_labels) = (None, None);
                }
            }
        }
    }

    /// Answers [`Question::Digests`]: a digest such as `sha256:…` for each image.
    pub fn digests(&mut self, digests: BTreeMap<PullSpec, String>) {
        self.digests = Some(digests);
    }

    /// Answers [`Question::Labels`]: the labels of each image.
    pub fn labels(&mut self, labels: BTreeMap<PullSpec, BTreeMap<String, String>>) {
        self.image_labels = Some(labels);
    }

    /// The CSV after the steps so far.
    pub fn csv(&self) -> &Csv {
        &self.result.csv
    }

    /// What came of the steps so far; of all of them, when there is nothing to be asked any more.
    pub fn finish(self) -> Customised {
        self.result
    }

    fn step(&mut self, step: &Customisation) -> Result<Progress, SourceError> {
        match step {
            Customisation::ResolveImagePullspecs {} => self.resolve(),
            Customisation::RelatedBundles {} => {
                let progress = self.relate()?;
                if matches!(progress, Progress::Done) && self.plan.purpose == Purpose::Relate {
                    self.plan.customisations.truncate(self.done);
                }
                Ok(progress)
            }
            Customisation::PackageNameSuffix { suffix } => self.add_suffix(suffix),
            Customisation::RegistryReplacements { replacements } => self.replace_each(|spec| {
                let new = spec
                    .registry()
                    .and_then(|registry| replacements.get(registry))?;
                Some(spec.with_registry(new))
            }),
            Customisation::PerformBundleReplacements {} => self.replace_bundles(),
            Customisation::ImageNameFromLabels { template } => self.name_after_labels(template),
            Customisation::CsvAnnotations { annotations } => {
                let package = self.result.annotations.package();
                let filled = |(key, value): (&String, &AnnotationTemplate)| {
                    (key.clone(), value.fill(package))
                };
                let annotations: BTreeMap<String, String> =
                    annotations.iter().map(filled).collect();
                if !annotations.is_empty() {
                    self.result.csv.annotate(&annotations)?;
                }
                Ok(Progress::Done)
            }
            Customisation::EncloseRepo {
                namespace,
                enclosure_glue,
            } => {
                if namespace.is_empty() || enclosure_glue.is_empty() {
                    return Ok(Progress::Done);
                }
                self.replace_each(|spec| Some(enclosed(spec, namespace, enclosure_glue)))
            }
        }
    }

    fn resolve(&mut self) -> Result<Progress, SourceError> {
        let specs = self.result.csv.pull_specs()?;
        if self.plan.is_pinned || specs.is_empty() {
            return Ok(Progress::Done);
        }
        let Some(digests) = &self.digests else {
            return Ok(Progress::Asks(Question::Digests(specs)));
        };
        let mut resolved = BTreeMap::new();
        for spec in specs {
            let Some(digest) = digests.get(&spec) else {
                let image = Box::new(spec);
                return Err(SourceError::Unanswered { image });
            };
            if !spec.has_digest() {
                let pinned = spec.with_digest(digest);
                resolved.insert(spec, pinned);
            }
        }
        if !resolved.is_empty() {
            self.result.csv.replace(&resolved)?;
            self.set_label(PINNED_LABEL, "true");
        }
        Ok(Progress::Done)
    }

    fn relate(&mut self) -> Result<Progress, SourceError> {
        let specs = self.result.csv.pull_specs()?;
        let bundles = match self.bundles_among(specs)? {
            Ok(bundles) => bundles,
            Err(question) => return Ok(Progress::Asks(question)),
        };
        self.result.related_bundles = Some(bundles);
        Ok(Progress::Done)
    }

    /// Those of the images that are bundles, or what must be asked to know it.
    fn bundles_among(
        &self,
        specs: BTreeSet<PullSpec>,
    ) -> Result<Result<BTreeSet<PullSpec>, Question>, SourceError> {
        if self.image_labels.is_none() && !specs.is_empty() {
            return Ok(Err(Question::Labels(specs)));
        }
        let mut bundles = BTreeSet::new();
        for spec in specs {
            if is_bundle(self.labels_of(&spec)?) {
                bundles.insert(spec);
            }
        }
        Ok(Ok(bundles))
    }

    fn labels_of(&self, image: &PullSpec) -> Result<&BTreeMap<String, String>, SourceError> {
        let labels = self.image_labels.as_ref().and_then(|all| all.get(image));
        labels.ok_or_else(|| SourceError::Unanswered {
            image: Box::new(image.clone()),
        })
    }

    fn add_suffix(&mut self, suffix: &str) -> Result<Progress, SourceError> {
        let package = self.result.annotations.package();
        if !package.ends_with(suffix) {
            let package = format!("{package}{suffix}");
            self.result.annotations.set_package(&package)?;
            self.set_label(PACKAGE_LABEL, &package);
        }
        Ok(Progress::Done)
    }

    /// Replaces the images for which there is another one.
    fn replace_each(
        &mut self,
        new: impl Fn(&PullSpec) -> Option<PullSpec>,
    ) -> Result<Progress, SourceError> {
        let specs = self.result.csv.pull_specs()?;
        let replaced = specs.into_iter().filter_map(|spec| {
            let new = new(&spec)?;
            Some((spec, new))
        });
        let replaced: BTreeMap<PullSpec, PullSpec> = replaced.collect();
        if !replaced.is_empty() {
            self.result.csv.replace(&replaced)?;
        }
        Ok(Progress::Done)
    }

    fn replace_bundles(&mut self) -> Result<Progress, SourceError> {
        if self.plan.replacements.is_empty() {
            return Ok(Progress::Done);
        }
        let old: BTreeSet<PullSpec> = self.plan.replacements.keys().cloned().collect();
        let bundles = match self.bundles_among(old)? {
            Ok(bundles) => bundles,
            Err(question) => return Ok(Progress::Asks(question)),
        };
        let mut replaced = self.plan.replacements.clone();
        replaced.retain(|old, _| bundles.contains(old));
        // Related images are listed even if there is nothing to replace.
        self.result.csv.replace(&replaced)?;
        Ok(Progress::Done)
    }

    fn name_after_labels(&mut self, template: &LabelTemplate) -> Result<Progress, SourceError> {
        let specs = self.result.csv.pull_specs()?;
        if template.is_empty() || specs.is_empty() {
            return Ok(Progress::Done);
        }
        if self.image_labels.is_none() {
            return Ok(Progress::Asks(Question::Labels(specs)));
        }
        let mut renamed = BTreeMap::new();
        for image in specs {
            let labels = self.labels_of(&image)?;
            let name = template
                .fill(labels)
                .map_err(|label| SourceError::LabelMissing {
                    image: Box::new(image.clone()),
                    label: label.to_owned(),
                    available: labels.keys().cloned().collect(),
                })?;
            let (namespace, repository) = match name.split_once('/') {
                Some((namespace, repository)) => (Some(namespace), repository),
                None => (None, name.as_str()),
            };
            if repository.is_empty() {
                let image = Box::new(image);
                return Err(SourceError::EmptyName { image });
            }
            let new = image.with_path(namespace, repository);
            renamed.insert(image, new);
        }
        self.result.csv.replace(&renamed)?;
        Ok(Progress::Done)
    }

    fn set_label(&mut self, label: &str, value: &str) {
        self.result
            .labels
            .insert(label.to_owned(), value.to_owned());
    }
}

/// The image in a namespace, with its former one in its name.
fn enclosed(spec: &PullSpec, namespace: &str, glue: &str) -> PullSpec {
    let former = spec.namespace().filter(|former| *former != namespace);
    let parts: Vec<&str> = former
        .into_iter()
        .chain(spec.repository().split('/'))
        .collect();
    spec.with_path(Some(namespace), &parts.join(glue))
}
