//! What the reference tool does to each catalog after loading it (file-based catalog specification, 3.1).

use super::csv_metadata::csv_metadata;
use super::{BUNDLE_OBJECT, CSV_METADATA, Catalog, CatalogError};

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
    /// Bundles without image, without embedded CSV or with metadata stay as they are.
    ///
    /// # Errors
    /// [`CatalogError::CsvMetadata`] if a CSV is ill-typed.
    pub fn embed_csv_metadata(&mut self) -> Result<(), CatalogError> {
        for bundle in &mut self.bundles {
            let has_metadata = bundle
                .properties
                .iter()
                .any(|property| property.type_ == CSV_METADATA);
            if bundle.image.is_empty() || !bundle.has_objects() {
                continue;
            }
            let Some(csv) = bundle.csv_json() else {
                continue;
            };
            let metadata = csv_metadata(&csv).map_err(|source| CatalogError::CsvMetadata {
                package: bundle.package.clone(),
                bundle: bundle.name.clone(),
                source,
            })?;
            if !has_metadata {
                bundle
                    .properties
                    .retain(|property| property.type_ != BUNDLE_OBJECT);
                bundle.properties.push(metadata);
            }
        }
        Ok(())
    }
}
