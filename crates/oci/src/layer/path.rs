//! Paths of a layer's entries: one spelling for each.

use super::LayerPathProblem;

/// `path` without leading, trailing and doubled slashes and without `.`.
pub(super) fn normalise(path: &str) -> Result<String, LayerPathProblem> {
    if path.contains('\0') {
        return Err(LayerPathProblem::Nul);
    }
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => return Err(LayerPathProblem::Climbs),
            name if name.starts_with(".wh.") => return Err(LayerPathProblem::Whiteout),
            name => names.push(name),
        }
    }
    if names.is_empty() {
        return Err(LayerPathProblem::Root);
    }
    Ok(names.join("/"))
}

/// The directories above the normal path `path`, outermost first, without the root.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
