//! What our index images are made of above the binary image: layers that later requests build upon.
//!
//! An image's catalog is the union of a base layer and of deltas, each with the whole of the units that it changes
//! ([`facts::UnitPath`]). A request whose change only adds or replaces files appends one delta ([`delta`]). Everything else
//! is written anew ([`whole`]): removals, since no whiteouts are published, an image of another tool, and one that has
//! gathered too many deltas.

pub(crate) mod change;
pub(crate) mod changed;
pub(crate) mod database;
pub(crate) mod delta;
pub(crate) mod facts;
pub(crate) mod hidden;
pub(crate) mod migrate;
pub(crate) mod normalise;
pub(crate) mod source;
pub(crate) mod stack;
pub(crate) mod view;
pub(crate) mod whole;

use catalog::Profile;
use oci::{LayerBuilder, Owner};

use crate::error::Error;

/// Whose results the catalogs of our images equal; part of the mark of our layers.
pub(crate) const PROFILE: Profile = Profile::A;

/// How many layers an image may have, with those of the binary image. Container engines stop at about 125.
pub(crate) const MAX_LAYERS: usize = 100;

/// Where the serve cache lies in an image.
pub(crate) const CACHE: &str = "tmp/cache";
/// Where the catalog lies in images of ours.
pub(crate) const CONFIGS: &str = "configs";
/// Who owns the serve cache: the user that catalog servers run as.
pub(crate) const CACHE_OWNER: Owner = Owner { uid: 1001, gid: 0 };

/// Adds the directories of the serve cache as every layer that holds a part of it must have them: a layer without them
/// would give them to somebody else when it is unpacked, and the server could not lock its database. `base_layers` is how many
/// layers lie below all of ours: without any, `/tmp` is the cache's own, as the reference service leaves it.
pub(crate) fn add_cache_directories(
    builder: &mut LayerBuilder,
    base_layers: usize,
) -> Result<(), Error> {
    if base_layers == 0 {
        builder
            .directory("tmp", CACHE_OWNER, 0o755)
            .map_err(Error::Layer)?;
    }
    for (path, mode) in [("", 0o755), ("/pogreb.v1", 0o755), ("/pogreb.v1/db", 0o770)] {
        builder
            .directory(&format!("{CACHE}{path}"), CACHE_OWNER, mode)
            .map_err(Error::Layer)?;
    }
    Ok(())
}
