//! A diff for a terminal.

use super::report::{BlobDiff, Change, ChannelDiff, Counts, PackageDiff};
use super::words::{self, SHOWN, Told, count, name, names};
use super::{Diff, Summary};

impl Diff<'_> {
    /// The diff for people: one block for each package, then the counts. Ends with a line break.
    ///
    /// Lines that begin with `=>` say what a change means for clusters; those with `!!` need attention. Long lists are
    /// shortened, and texts of the catalogs cannot drive a terminal.
    pub fn to_text(&self) -> String {
        if self.is_empty() {
            return "no differences\n".to_owned();
        }
        let mut page = Page(String::new());
        for package in &self.packages {
            page.package(package);
        }
        if self.loose.is_some() {
            page.line(0, "blobs of no package");
            page.blobs(&self.blobs);
            if self.blobs.is_empty() {
                page.line(1, "only their order differs");
            }
            page.blank();
        }
        page.summary(&self.summary);
        page.0
    }
}

/// A row of a list: a mark, a name and what there is to say.
type Row = (char, String, String);

struct Page(String);

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        self.0.extend(std::iter::repeat_n("  ", depth));
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Rows with their names in one column; of many the first ones.
    fn rows(&mut self, depth: usize, rows: &[Row]) {
        let shown = &rows[..rows.len().min(SHOWN)];
        let width = shown.iter().map(|(_, name, _)| name.chars().count()).max();
        let width = width.unwrap_or_default();
        for (mark, name, rest) in shown {
            self.line(depth, &format!("{mark} {name:width$}  {rest}"));
        }
        if rows.len() > SHOWN {
            self.line(depth, &format!("… and {} more", rows.len() - SHOWN));
        }
    }

    fn effect(&mut self, depth: usize, told: &Told) {
        let mark = if told.attention { "!!" } else { "=>" };
        self.line(depth, &format!("{mark} {}", told.text));
    }

    fn effects(&mut self, depth: usize, effects: &[Told]) {
        for told in effects {
            self.effect(depth, told);
        }
    }

    fn package(&mut self, package: &PackageDiff<'_>) {
        let change = package.change.word();
        self.line(0, &format!("package {}  {change}", name(package.name)));
        self.effects(1, &words::own_effects(&package.effects));
        match package.change {
            Change::Added | Change::Removed => self.whole(package),
            Change::Changed => self.parts(package),
        }
        self.blank();
    }

    /// What a package is that came or went.
    fn whole(&mut self, package: &PackageDiff<'_>) {
        let rows: Vec<Row> = (package.channels.iter())
            .map(|channel| {
                let heads = match package.change {
                    Change::Removed => &channel.heads.before,
                    Change::Added | Change::Changed => &channel.heads.after,
                };
                let entries = words::entries(channel.entries.len());
                let rest = format!("head {}, {entries}", names(heads));
                ('·', format!("channel {}", name(channel.name)), rest)
            })
            .collect();
        self.rows(1, &rows);
        let bundles: Vec<&str> = package.bundles.iter().map(|bundle| bundle.name).collect();
        if !bundles.is_empty() {
            let number = count(bundles.len(), "bundle");
            self.line(1, &format!("· {number}: {}", names(&bundles)));
        }
        // That channels and bundles of a new package can be installed goes without saying.
        let channels = package.channels.iter();
        let channels = channels.map(|channel| (channel.name, &channel.effects[..]));
        let told = words::effects(channels.chain(words::of_bundles(package)));
        for effect in told.iter().filter(|told| told.attention) {
            self.effect(1, effect);
        }
        self.deprecations(package);
        self.blobs(&package.blobs);
    }

    fn parts(&mut self, package: &PackageDiff<'_>) {
        for line in words::package(package) {
            self.line(1, &line);
        }
        for channel in &package.channels {
            self.channel(channel);
        }
        if !package.bundles.is_empty() {
            self.line(1, "bundles");
            self.bundles(package);
        }
        self.deprecations(package);
        self.blobs(&package.blobs);
    }

    fn channel(&mut self, channel: &ChannelDiff<'_>) {
        let heads = words::heads(&channel.heads);
        self.line(
            1,
            &format!(
                "channel {}  {}, {heads}",
                name(channel.name),
                channel.change.word()
            ),
        );
        match channel.change {
            Change::Added | Change::Changed => {
                let rows: Vec<Row> = (channel.entries.iter())
                    .map(|entry| (entry.change.mark(), name(entry.name), words::entry(entry)))
                    .collect();
                self.rows(2, &rows);
            }
            Change::Removed => {
                let entries: Vec<&str> = channel.entries.iter().map(|entry| entry.name).collect();
                self.line(2, &format!("- {}", names(&entries)));
            }
        }
        for line in words::properties(&channel.properties) {
            self.line(2, &line);
        }
        self.effects(2, &words::own_effects(&channel.effects));
    }

    fn bundles(&mut self, package: &PackageDiff<'_>) {
        let (changed, others): (Vec<_>, Vec<_>) =
            (package.bundles.iter()).partition(|bundle| bundle.change == Change::Changed);
        let rows: Vec<Row> = (others.iter())
            .map(|bundle| {
                (
                    bundle.change.mark(),
                    name(bundle.name),
                    words::identity(bundle),
                )
            })
            .collect();
        self.rows(2, &rows);
        for bundle in changed.iter().take(SHOWN) {
            self.line(2, &format!("~ {}", name(bundle.name)));
            for line in words::bundle(bundle) {
                self.line(4, &line);
            }
        }
        if changed.len() > SHOWN {
            self.line(2, &format!("… and {} more changed", changed.len() - SHOWN));
        }
        self.effects(2, &words::effects(words::of_bundles(package)));
    }

    fn deprecations(&mut self, package: &PackageDiff<'_>) {
        if package.deprecations.is_empty() {
            return;
        }
        self.line(1, "deprecations");
        let rows: Vec<Row> = (package.deprecations.iter())
            .map(|diff| {
                (
                    diff.change.mark(),
                    words::deprecated(diff),
                    words::message(diff),
                )
            })
            .collect();
        self.rows(2, &rows);
    }

    fn blobs(&mut self, blobs: &[BlobDiff<'_>]) {
        let rows: Vec<Row> = (blobs.iter())
            .map(|blob| {
                let told = format!("blob {}", words::blob(blob));
                (blob.change.mark(), told, String::new())
            })
            .collect();
        self.rows(1, &rows);
    }

    fn summary(&mut self, summary: &Summary) {
        for (what, counts) in summary.rows() {
            let told = told(counts);
            if !told.is_empty() {
                self.line(0, &format!("{what:13} {told}"));
            }
        }
        if summary.heads > 0 {
            self.line(0, &format!("{:13} {}", "new heads", summary.heads));
        }
        if summary.attention > 0 {
            self.line(
                0,
                &format!("{:13} {}, marked `!!`", "attention", summary.attention),
            );
        }
    }
}

fn told(counts: Counts) -> String {
    let all = [
        (counts.added, "added"),
        (counts.removed, "removed"),
        (counts.changed, "changed"),
    ];
    let some = all.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = some
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    texts.join(", ")
}
