//! What became, or would become, of a tag.

use oci::{Change, CopyCounts, Digest, ImageName, NewList};
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::terminal;

/// What a command did to a tag, or would do.
pub(super) struct Report {
    pub(super) destination: ImageName,
    /// What the tag pointed to.
    pub(super) before: Option<Digest>,
    /// What it points to now; nothing when there was nothing to do.
    pub(super) list: Option<NewList>,
    /// What was brought to the destination; nothing on a dry run, and when there was nothing to do.
    pub(super) copied: Option<CopyCounts>,
}

impl Report {
    pub(super) fn print(&self, format: OutputFormat) {
        terminal::print(&match format {
            OutputFormat::Text => self.describe(),
            OutputFormat::Json => self.to_json().to_string(),
        });
    }

    fn after(&self) -> Option<&Digest> {
        match &self.list {
            Some(list) => Some(&list.manifest.digest),
            None => self.before.as_ref(),
        }
    }

    fn describe(&self) -> String {
        let outcome = match (self.after() == self.before.as_ref(), &self.copied) {
            (true, _) => "unchanged ",
            (false, None) => "would be published",
            (false, Some(_)) => "published ",
        };
        let digest = |digest: Option<&Digest>| digest.map_or("none".to_owned(), Digest::to_string);
        let mut lines = vec![
            format!("{outcome} {}", self.destination),
            format!("before     {}", digest(self.before.as_ref())),
            format!("after      {}", digest(self.after())),
        ];
        let changes = self.list.as_ref().map_or(&[][..], |list| &list.changes);
        let width = changes.iter().map(|row| row.name.to_string().len()).max();
        for change in changes {
            lines.push(row(change, width.unwrap_or(0)));
        }
        if let Some(copied) = &self.copied {
            lines.push(describe_copied(copied));
        }
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let changes = self.list.as_ref().map_or(&[][..], |list| &list.changes);
        let changes: Vec<Value> = changes
            .iter()
            .map(|change| {
                json!({
                    "entry": change.name.to_string(),
                    "change": change.kind.to_string(),
                    "before": change.before,
                    "after": change.after,
                })
            })
            .collect();
        let kept = self.list.as_ref().map_or(&[][..], |list| &list.kept);
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        json!({
            "destination": self.destination.to_string(),
            "before": self.before,
            "after": self.after(),
            "media_type": self.list.as_ref().map(|list| &list.manifest.media_type),
            "changed": self.copied.is_some() && self.after() != self.before.as_ref(),
            "changes": changes,
            "kept": kept,
            "copied": self.copied.as_ref().map(copied_json),
        })
    }
}

/// `replaced  amd64  sha256:… -> sha256:…`; what is unchanged is shown once.
fn row(change: &Change, width: usize) -> String {
    let list = |digests: &[Digest]| {
        let digests: Vec<String> = digests.iter().map(Digest::to_string).collect();
        digests.join(" ")
    };
    let (before, after) = (list(&change.before), list(&change.after));
    let digests = match change.kind {
        oci::ChangeKind::Added | oci::ChangeKind::Kept => after,
        oci::ChangeKind::Removed => before,
        oci::ChangeKind::Replaced => format!("{before} -> {after}"),
    };
    let (kind, name) = (change.kind.to_string(), change.name.to_string());
    format!("  {kind:<8} {name:<width$} {digests}")
}

fn describe_copied(copied: &CopyCounts) -> String {
    let elsewhere = match copied.elsewhere {
        0 => String::new(),
        count => format!(", {count} kept elsewhere"),
    };
    format!(
        "copied     {} manifest(s), {} there already; blobs: {} there already, {} mounted, {} copied ({}){elsewhere}",
        copied.manifests,
        copied.manifests_present,
        copied.present,
        copied.mounted,
        copied.copied,
        terminal::bytes(copied.copied_bytes),
    )
}

fn copied_json(copied: &CopyCounts) -> Value {
    json!({
        "manifests": copied.manifests,
        "manifests_present": copied.manifests_present,
        "present": copied.present,
        "mounted": copied.mounted,
        "copied": copied.copied,
        "copied_bytes": copied.copied_bytes,
        "elsewhere": copied.elsewhere,
    })
}
