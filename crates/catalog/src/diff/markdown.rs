//! A diff for the comment of a merge request.

use super::report::{Change, PackageDiff};
use super::words::{self, SHOWN, Told, count, name, names};
use super::{Diff, Summary};

/// How many effects that need attention are told above everything else.
const ATTENTION: usize = 20;

impl Diff<'_> {
    /// The diff in GitHub's and GitLab's Markdown: the counts, what needs attention, then a section for each package with
    /// its long lists folded. Ends with a line break.
    ///
    /// Long lists are shortened, and texts of the catalogs stand in code spans, where they are neither markup nor mentions.
    pub fn to_markdown(&self) -> String {
        let mut page = Page(String::new());
        page.line("## Catalog changes");
        page.blank();
        if self.is_empty() {
            page.line("No differences.");
            return page.0;
        }
        page.summary(&self.summary);
        page.attention(self);
        for package in &self.packages {
            page.package(package);
        }
        if self.loose.is_some() {
            page.line("### Blobs of no package");
            page.blank();
            page.blobs(&self.blobs);
            if self.blobs.is_empty() {
                page.line("Only their order differs.");
                page.blank();
            }
        }
        page.0.truncate(page.0.trim_end().len());
        page.0.push('\n');
        page.0
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn summary(&mut self, summary: &Summary) {
        let rows: Vec<Vec<String>> = (summary.rows().into_iter())
            .filter(|(_, counts)| *counts != super::Counts::default())
            .map(|(what, counts)| {
                let mut row = vec![what.to_owned()];
                row.extend(
                    [counts.added, counts.removed, counts.changed].map(|count| count.to_string()),
                );
                row
            })
            .collect();
        if !rows.is_empty() {
            self.table(&["", "Added", "Removed", "Changed"], &rows);
        }
        if summary.heads > 0 {
            let channels = count(summary.heads, "channel");
            self.line(&format!("New heads in {channels}."));
            self.blank();
        }
    }

    fn attention(&mut self, diff: &Diff<'_>) {
        let mut told: Vec<String> = Vec::new();
        for package in &diff.packages {
            let of = name(package.name);
            let mut take = |thing: &str, effects: Vec<Told>| {
                let some = effects.into_iter().filter(|told| told.attention);
                told.extend(some.map(|effect| format!("- {of}{thing} {}", effect.text)));
            };
            take(":", words::own_effects(&package.effects));
            for channel in &package.channels {
                let thing = format!(", channel {}:", name(channel.name));
                take(&thing, words::own_effects(&channel.effects));
            }
            take(", bundles", words::effects(words::of_bundles(package)));
        }
        if told.is_empty() {
            return;
        }
        self.line("### Needs attention");
        self.blank();
        for line in told.iter().take(ATTENTION) {
            self.line(line);
        }
        if told.len() > ATTENTION {
            self.line(&format!("- … and {} more", told.len() - ATTENTION));
        }
        self.blank();
    }

    fn package(&mut self, package: &PackageDiff<'_>) {
        let change = package.change.word();
        self.line(&format!("### {} ({change})", name(package.name)));
        self.blank();
        self.facts(package);
        self.channels(package);
        if package.change == Change::Changed {
            self.entries(package);
        }
        self.bundles(package);
        self.deprecations(package);
        self.blobs(&package.blobs);
    }

    /// What there is to say of the package itself.
    fn facts(&mut self, package: &PackageDiff<'_>) {
        let mut facts = match package.change {
            Change::Changed => words::package(package),
            Change::Added | Change::Removed => Vec::new(),
        };
        facts.extend(words::own_effects(&package.effects).iter().map(told));
        self.list(&facts);
    }

    fn channels(&mut self, package: &PackageDiff<'_>) {
        if package.channels.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = (package.channels.iter())
            .map(|channel| {
                vec![
                    name(channel.name),
                    channel.change.word().to_owned(),
                    names(&channel.heads.before),
                    names(&channel.heads.after),
                ]
            })
            .collect();
        self.table(&["Channel", "Change", "Head before", "Head now"], &rows);
        if package.change != Change::Changed {
            return;
        }
        let mut facts = Vec::new();
        for channel in &package.channels {
            let of = name(channel.name);
            let properties = words::properties(&channel.properties);
            facts.extend(properties.iter().map(|line| format!("{of}: {line}")));
            let effects = words::own_effects(&channel.effects);
            facts.extend(
                effects
                    .iter()
                    .map(|effect| format!("{of}: {}", told(effect))),
            );
        }
        self.list(&facts);
    }

    fn entries(&mut self, package: &PackageDiff<'_>) {
        let mut rows = Vec::new();
        for channel in &package.channels {
            for entry in &channel.entries {
                rows.push(vec![
                    name(channel.name),
                    name(entry.name),
                    entry.change.word().to_owned(),
                    words::entry(entry),
                ]);
            }
        }
        self.folded(
            &words::entries(rows.len()),
            &["Channel", "Entry", "Change", "Details"],
            &rows,
        );
    }

    fn bundles(&mut self, package: &PackageDiff<'_>) {
        let rows: Vec<Vec<String>> = (package.bundles.iter())
            .map(|bundle| {
                let details = match bundle.change {
                    Change::Changed => words::bundle(bundle).join("<br>"),
                    Change::Added | Change::Removed => words::identity(bundle),
                };
                vec![name(bundle.name), bundle.change.word().to_owned(), details]
            })
            .collect();
        if package.change == Change::Changed {
            let effects = words::effects(words::of_bundles(package));
            self.list(&effects.iter().map(told).collect::<Vec<_>>());
        }
        self.folded(
            &count(rows.len(), "bundle"),
            &["Bundle", "Change", "Details"],
            &rows,
        );
    }

    fn deprecations(&mut self, package: &PackageDiff<'_>) {
        if package.deprecations.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = (package.deprecations.iter())
            .map(|diff| {
                vec![
                    words::deprecated(diff),
                    diff.change.word().to_owned(),
                    words::message(diff),
                ]
            })
            .collect();
        self.table(&["Deprecation", "Change", "Message"], &rows);
    }

    fn blobs(&mut self, blobs: &[super::BlobDiff<'_>]) {
        let rows: Vec<Vec<String>> = (blobs.iter())
            .map(|blob| vec![words::blob(blob), blob.change.word().to_owned()])
            .collect();
        self.folded(&count(rows.len(), "blob"), &["Blob", "Change"], &rows);
    }

    fn list(&mut self, lines: &[String]) {
        for line in lines {
            self.line(&format!("- {line}"));
        }
        if !lines.is_empty() {
            self.blank();
        }
    }

    /// A table that is shown when it is asked for; nothing if it has no rows.
    fn folded(&mut self, summary: &str, head: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        self.line(&format!("<details><summary>{summary}</summary>"));
        self.blank();
        self.table(head, rows);
        self.line("</details>");
        self.blank();
    }

    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        const ROWS: usize = 5 * SHOWN;
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(head.len())));
        for row in rows.iter().take(ROWS) {
            // The bar ends a cell even in a code span.
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
        self.blank();
        if rows.len() > ROWS {
            self.line(&format!("… and {} more.", rows.len() - ROWS));
            self.blank();
        }
    }
}

fn told(effect: &Told) -> String {
    if effect.attention {
        format!("**Attention:** {}", effect.text)
    } else {
        effect.text.clone()
    }
}
