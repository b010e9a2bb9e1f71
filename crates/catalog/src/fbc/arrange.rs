//! What the reference tool does to each catalog after loading it (file-based catalog specification, 3.1).

use rayon::prelude::*;

use super::csv_metadata::csv_metadata;
use super::{BUNDLE_OBJECT, Bundle, CSV_METADATA, Catalog, CatalogError};

impl Catalog {
    /// Brings bundles into the form that is rendered: large properties last, related images sorted by image.
    pub fn arrange(&mut self) {
        for bundle in &mut self.bundles {
            let last = |type_: &str| matches!(type_, BUNDLE_OBJECT | CSV_METADATA);
            bundle
                .properties
                .sort_by_key(|property| last(&property.type_));
            bundle.related_images.sort_by(|a, b| a.image.cmp(&b.image));
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
        let embedded: Vec<Result<(), CatalogError>> =
            self.bundles.par_iter_mut().map(embed).collect();
        embedded.into_iter().collect()
    }
}

fn embed(bundle: &mut Bundle) -> Result<(), CatalogError> {
    if bundle.image.is_empty() || !bundle.has_objects() {
        return Ok(());
    }
    let Some(csv) = bundle.csv_json() else {
        return Ok(());
    };
    let metadata = csv_metadata(&csv).map_err(|source| CatalogError::CsvMetadata {
        package: bundle.package.clone(),
        bundle: bundle.name.clone(),
        source,
    })?;
    let properties = &mut bundle.properties;
    if !properties.iter().any(|one| one.type_ == CSV_METADATA) {
        properties.retain(|property| property.type_ != BUNDLE_OBJECT);
        properties.push(metadata);
    }
    Ok(())
}
