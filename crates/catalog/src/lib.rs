//! How operator manifests are read and written: YAML and JSON as the reference tools do, canonical JSON, versions.
