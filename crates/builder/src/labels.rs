//! The labels that index images and bundle images carry.

/// Where a file-based index image keeps its catalog; its presence makes an index image file-based.
pub const CONFIGS: &str = "operators.operatorframework.io.index.configs.v1";
/// Where an SQLite index image keeps its database.
pub const DATABASE: &str = "operators.operatorframework.io.index.database.v1";
/// The OCP version an index image is for, such as `v4.19`.
pub const VERSION: &str = "com.redhat.index.delivery.version";
/// The distribution scope of an index image.
pub const SCOPE: &str = "com.redhat.index.delivery.distribution_scope";
/// Where a bundle image keeps its manifests.
pub const MANIFESTS: &str = "operators.operatorframework.io.bundle.manifests.v1";
/// Whether the pull specs in a bundle image are resolved already.
pub const PINNED: &str = "com.redhat.iib.pinned";
/// The package of a bundle image.
pub const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";
/// The distribution's name of the architecture an image is for.
pub const ARCHITECTURE: &str = "architecture";

/// The OCP version of an index image without [`VERSION`].
pub const DEFAULT_VERSION: &str = "v4.5";
/// Where our SQLite index images keep their database.
pub const DATABASE_PATH: &str = "/database/index.db";
/// Where file-based index images keep the database that their older operators come from.
pub const HIDDEN_DATABASE_PATH: &str = "/var/lib/iib/_hidden/do.not.edit.db";
/// Where our file-based index images keep their catalog.
pub const CONFIGS_PATH: &str = "/configs";
/// Where fragment images keep their catalog.
pub const FRAGMENT_PATH: &str = "/configs";
