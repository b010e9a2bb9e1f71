//! What opm took when the baseline was recorded, out of the tables of its document.

use std::collections::BTreeMap;

/// What one operation took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recorded {
    /// Seconds by the clock.
    pub(super) wall: f64,
    /// MiB.
    pub(super) peak: f64,
}

/// The rows below each heading of the third level, by the name of the operation.
#[derive(Debug, Default)]
pub(super) struct Baseline(BTreeMap<String, BTreeMap<String, Recorded>>);

impl Baseline {
    /// Reads the tables with the columns operation, wall, user, system and peak; all other lines are passed over.
    pub(super) fn read(document: &str) -> Self {
        let mut baseline = Self::default();
        let mut heading = String::new();
        for line in document.lines() {
            if let Some(text) = line.strip_prefix("### ") {
                text.clone_into(&mut heading);
            }
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let ["", operation, wall, _, _, peak, ..] = cells[..]
                && let (Ok(wall), Ok(peak)) = (wall.parse(), peak.parse())
            {
                baseline
                    .0
                    .entry(heading.clone())
                    .or_default()
                    .insert(operation.to_owned(), Recorded { wall, peak });
            }
        }
        baseline
    }

    /// What an operation took below the heading that begins with a text.
    pub(super) fn find(&self, heading: &str, operation: &str) -> Option<Recorded> {
        let (_, rows) = self
            .0
            .iter()
            .find(|(found, _)| found.starts_with(heading))?;
        rows.get(operation).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_below_their_heading() {
        let baseline = Baseline::read(
            "### Index of 7 bundles: 1 MB\n\n| operation | wall s | user s | sys s | peak RSS MiB | exit |\n|---|---|---|---|---|---|\n\
             | validate | 0.28 | 0.34 | 0.04 | 72 | 0 |\n### Index of 70 bundles\n| validate | 1 | 1 | 1 | 9 | 0 |\n",
        );
        let found = Recorded {
            wall: 0.28,
            peak: 72.0,
        };
        assert_eq!(baseline.find("Index of 7 bundles", "validate"), Some(found));
        assert_eq!(baseline.find("Index of 7 bundles", "render"), None);
        assert_eq!(baseline.find("Index of 8", "validate"), None);
    }
}
