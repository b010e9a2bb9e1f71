//! The same change with containers' tools: `benches/plain-way.sh`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::terminal::say;

const SCRIPT: &str = "benches/plain-way.sh";

/// What the script is to do.
pub(super) struct Job<'a> {
    /// Makes the serve cache where there is no `opm`.
    pub(super) iib: &'a Path,
    /// The catalog with the change.
    pub(super) configs: &'a Path,
    /// The registry with the binary image.
    pub(super) host: &'a str,
}

/// Runs the script and tells what it took; the seconds, unless the tools are not there.
#[expect(
    clippy::disallowed_methods,
    reason = "measured are other people's programs"
)]
pub(super) fn run(job: &Job<'_>, bundles: u32) -> anyhow::Result<Option<f64>> {
    let output = Command::new("bash")
        .arg(SCRIPT)
        .arg(format!("{}/binary:latest", job.host))
        .arg(job.configs)
        .arg(format!("{}/plain:1", job.host))
        .arg(job.iib)
        .output()
        .with_context(|| format!("`{SCRIPT}` cannot be run; start this from the project's root"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "`{SCRIPT}` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in text.lines() {
        say(&format!("{bundles} bundles, containers' tools: {line}"));
    }
    figure(&text, "seconds")
}

/// The number behind `name` at the start of a line; nothing when there is no such line.
fn figure(text: &str, name: &str) -> anyhow::Result<Option<f64>> {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found
        .map(|rest| {
            let number = rest.trim().parse();
            number.with_context(|| format!("`{SCRIPT}` printed no number of {name}: `{rest}`"))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_where_there_are_any() {
        let text = "cache by iib\nseconds 12.5\nbytes 7\n";
        assert_eq!(figure(text, "seconds").unwrap(), Some(12.5));
        assert_eq!(figure("skipped: no buildah\n", "seconds").unwrap(), None);
        assert!(figure("seconds many", "seconds").is_err());
    }
}
