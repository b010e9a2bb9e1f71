//! The objects in `/manifests`.

use std::collections::BTreeMap;

use catalog::Document;
use catalog::json::{self, Value};
use catalog::yaml::Expansion;

use crate::{Problem, Warning};

const CSV_KIND: &str = "ClusterServiceVersion";

/// The objects of a bundle in the order of their files; exactly one of them is a CSV.
pub(crate) struct Manifests {
    objects: Vec<Value>,
    csv: usize,
}

impl Manifests {
    /// Keeps what decodes and has a kind; of several CSVs the first one.
    pub(crate) fn read(
        files: &BTreeMap<String, Vec<u8>>,
        expansion: &Expansion,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problem> {
        let (mut objects, mut csv) = (Vec::new(), None);
        for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with('.')) {
            let object = match Document::read_within(bytes, expansion) {
                Ok(document) => document.into_object(),
                Err(error) => {
                    warnings.push(Warning::undecodable("manifests", name, &error));
                    continue;
                }
            };
            match object.get("kind").and_then(Value::as_str) {
                Some(CSV_KIND) if csv.is_some() => {
                    warnings.push(skipped(
                        name,
                        "a second `ClusterServiceVersion`; only the first one counts",
                    ));
                    continue;
                }
                Some(CSV_KIND) => csv = Some(objects.len()),
                Some(kind) if !kind.is_empty() => {}
                Some(_) | None => {
                    warnings.push(skipped(name, "not a Kubernetes object: it has no `kind`"));
                    continue;
                }
            }
            objects.push(object);
        }
        if objects.is_empty() {
            return Err(Problem::NoObjects);
        }
        Ok(Self {
            objects,
            csv: csv.ok_or(Problem::NoCsv)?,
        })
    }

    pub(crate) fn objects(&self) -> &[Value] {
        &self.objects
    }

    pub(crate) fn csv(&self) -> &Value {
        &self.objects[self.csv]
    }

    pub(crate) fn csv_json(&self) -> String {
        line(self.csv())
    }

    pub(crate) fn objects_json(&self) -> String {
        self.objects.iter().map(line).collect()
    }
}

fn skipped(name: &str, reason: &str) -> Warning {
    Warning {
        file: format!("manifests/{name}"),
        line: 1,
        reason: reason.to_owned(),
    }
}

fn line(object: &Value) -> String {
    let mut text = String::new();
    json::write(&mut text, object);
    text.push('\n');
    text
}
