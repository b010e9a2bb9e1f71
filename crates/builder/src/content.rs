//! A look at whatever an image holds that catalogs are made of.

use std::collections::BTreeMap;
use std::path::Path;

use bundle::Bundle;
use oci::ImageName;

use crate::Builder;
use crate::bundles::read_image;
use crate::error::{ContentError, Error, Role};
use crate::image::{FoundImage, label};
use crate::labels;
use crate::stages::prepare::extract_database;

/// What an image holds, by its labels.
#[derive(Debug)]
pub enum Content {
    /// An index database.
    Database,
    /// The files of a catalog.
    Catalog,
    /// A bundle.
    Bundle(Box<Bundle>),
}

/// What the label of an index database counts for on an image that has others too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Databases {
    /// It counts before all others.
    First,
    /// It counts after all others.
    Last,
}

impl Builder {
    /// Reads what the image `name` holds (spec file-based catalogs 3.1): a database is copied to the file `to`, a catalog to
    /// the directory `to`, a bundle is read. Of a manifest list amd64's image is read, or the first.
    ///
    /// Of several labels the catalog's counts before the bundle's; releases of the reference tool differ in what the
    /// database's counts for. A bundle is known by the pull spec as it is written, and by none if it lies in a layout.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read, has none of the labels, or not what its label says.
    pub async fn read_content(
        &self,
        name: &ImageName,
        databases: Databases,
        to: &Path,
    ) -> Result<Content, Error> {
        let image = FoundImage::find(&self.client, None, name, Role::Image, None).await?;
        let platform = image.for_labels().await?;
        let labels = platform.config.labels();
        let has_others = [labels::CONFIGS, labels::PACKAGE]
            .iter()
            .any(|name| label(&labels, name).is_some());
        if let Some(path) = label(&labels, labels::DATABASE)
            && (databases == Databases::First || !has_others)
        {
            extract_database(&image, &platform, path, to).await?;
            return Ok(Content::Database);
        }
        if let Some(path) = label(&labels, labels::CONFIGS) {
            let from = &image.repository;
            image.extract_catalog(from, &platform, path, to).await?;
            return Ok(Content::Catalog);
        }
        if label(&labels, labels::PACKAGE).is_none() {
            return Err(Error::from(ContentError::UnknownContent {
                image: Box::new(name.clone()),
                found: describe(&labels),
            }));
        }
        let path = match name {
            ImageName::Registry(spec) => spec.to_string(),
            ImageName::Layout { .. } => String::new(),
        };
        let refused = |source| {
            Error::from(ContentError::BundleImage {
                image: Box::new(name.clone()),
                source: Box::new(source),
            })
        };
        let bundle = read_image(&image, &platform, path, refused).await?;
        Ok(Content::Bundle(Box::new(bundle)))
    }
}

/// The labels for people: no more of them, and of each, than fits on a screen.
fn describe(labels: &BTreeMap<String, String>) -> String {
    const LABELS: usize = 20;
    const CHARACTERS: usize = 120;
    if labels.is_empty() {
        return "has no labels".to_owned();
    }
    let shown: Vec<String> = labels
        .iter()
        .take(LABELS)
        .map(|(name, value)| format!("{name}={value}").chars().take(CHARACTERS).collect())
        .map(|label: String| format!("`{label}`"))
        .collect();
    let more = match labels.len().saturating_sub(LABELS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("has {}{more}", shown.join(", "))
}
