//! The directories of the one who runs a command, by the XDG base directory specification.

use std::path::PathBuf;

/// Where what can be made again is kept: `$XDG_CACHE_HOME/iib`, else `~/.cache/iib`.
pub(crate) fn cache() -> Option<PathBuf> {
    directory("XDG_CACHE_HOME", ".cache")
}

/// Where what has to be remembered is kept: `$XDG_STATE_HOME/iib`, else `~/.local/state/iib`.
pub(crate) fn state() -> Option<PathBuf> {
    directory("XDG_STATE_HOME", ".local/state")
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
fn directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            // The specification has relative ones ignored.
            .filter(|path| path.is_absolute())
    };
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .map(|path| path.join("iib"))
}
