//! What the reference tool does to each catalog after loading it (file-based catalog specification, 3.1).

use rayon::prelude::*;

use super::csv_metadata::csv_metadata;
use super::{BUNDLE_OBJECT, Bundle, CSV_METADATA, Catalog, CatalogError, unstable};

impl Catalog {
    /// Brings bundles into the form that is rendered: large properties last, related images sorted by image.
    pub fn arrange(&mut self) {
        for bundle in &mut self.bundles {
            let last = |type_: &str| matches!(type_, BUNDLE_OBJECT | CSV_METADATA);
            bundle
                .properties
                .sort_by_key(|property| last(&property.type_));
            unstable::sort_by_key(&mut bundle.related_images, |related| &related.image);
        }
    }

    /// Replaces the manifests that bundles embed by metadata of their CSV: the migration level
    /// `bundle-object-to-csv-metadata` (specification, 3.5).
    ///
    /// Bundles without image, without embedded CSV or with metadata stay as they are. Bundles are worked on in the thread
    /// pool that this runs on.
    ///
    /// # Errors
    /// [`CatalogError::CsvMetadata`] if a CSV is ill-typed; of several, that of the first bundle.
    pub fn embed_csv_metadata(&mut self) -> Result<(), CatalogError> {
        let embedded: Vec<Result<(), CatalogError>> = self
            .bundles
            .par_iter_mut()
            .map(Bundle::embed_csv_metadata)
            .collect();
        embedded.into_iter().collect()
    }
}

impl Bundle {
    /// [`Catalog::embed_csv_metadata`] for one bundle, before or after [`Catalog::arrange`].
    ///
    /// # Errors
    /// [`CatalogError::CsvMetadata`] if the CSV is ill-typed.
    pub fn embed_csv_metadata(&mut self) -> Result<(), CatalogError> {
        if self.image.is_empty() || !self.has_objects() {
            return Ok(());
        }
        let Some(csv) = self.csv_json() else {
            return Ok(());
        };
        let metadata = csv_metadata(&csv).map_err(|source| CatalogError::CsvMetadata {
            package: self.package.clone(),
            bundle: self.name.clone(),
            source,
        })?;
        let properties = &mut self.properties;
        if !properties.iter().any(|one| one.type_ == CSV_METADATA) {
            properties.retain(|property| property.type_ != BUNDLE_OBJECT);
            properties.push(metadata);
        }
        Ok(())
    }
}
