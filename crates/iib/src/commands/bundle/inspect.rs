//! `iib bundle inspect`: what a bundle holds.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use bundle::source::{Annotations, Csv, Found, SourceError};
use bundle::{Bundle, BundleFiles};
use oci::ImageName;
use serde_json::{Value, json};

use crate::blocking::blocking;
use crate::cli::OutputFormat;
use crate::cli::bundle::BundleInspectArgs;
use crate::{blob_cache, registries, terminal};

/// The files of a bundle by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// A file larger than this is no manifest.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// What is known of a bundle.
struct Inspected {
    bundle: Option<Bundle>,
    images: Vec<Found>,
    csv_file: String,
    problems: Vec<String>,
}

pub(crate) async fn run(args: BundleInspectArgs) -> anyhow::Result<()> {
    let directory = Path::new(&args.bundle);
    let files = if directory.is_dir() {
        let directory = directory.to_owned();
        blocking(move || read_directory(&directory)).await?
    } else {
        let name: ImageName = args
            .bundle
            .parse()
            .with_context(|| format!("`{}` is neither a directory nor an image", args.bundle))?;
        let cache = blob_cache::config(&args.cache)?;
        let (builder, _work_dir) = registries::builder(&args.registries, Some(cache))?;
        let files = builder.bundle_files(&name).await;
        files.map_err(|error| anyhow::anyhow!(error.report()))?
    };
    let name = args.bundle.clone();
    let inspected = blocking(move || Ok(inspect(&files, &name))).await?;
    terminal::print(&match args.output {
        OutputFormat::Text => text(&args.bundle, &inspected),
        OutputFormat::Json => to_json(&inspected).to_string(),
    });
    Ok(())
}

fn inspect(files: &Files, name: &str) -> Inspected {
    let mut problems = Vec::new();
    let below = |folder: &str| {
        let children = files.iter().filter_map(|(path, bytes)| {
            let child = path.strip_prefix(folder)?.strip_prefix('/')?;
            (!child.contains('/')).then(|| (child.to_owned(), bytes.clone()))
        });
        let children: Files = children.collect();
        (!children.is_empty()).then_some(children)
    };
    let bundle_files = BundleFiles {
        manifests: below("manifests"),
        metadata: below("metadata"),
    };
    let bundle = match Bundle::read(&bundle_files, name) {
        Ok(bundle) => {
            problems.extend(bundle.warnings().iter().map(ToString::to_string));
            Some(bundle)
        }
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    let found = Csv::find(files).and_then(|csv| Ok((csv.found()?, csv)));
    let (images, csv_file) = match found {
        Ok((images, csv)) => {
            problems.extend(csv.related_images().err().map(|error| with_cause(&error)));
            (images, csv.file().path().to_owned())
        }
        Err(error) => {
            problems.push(with_cause(&error));
            (Vec::new(), String::new())
        }
    };
    let annotations = Annotations::read(files);
    problems.extend(annotations.err().map(|error| with_cause(&error)));
    Inspected {
        bundle,
        images,
        csv_file,
        problems,
    }
}

fn with_cause(error: &SourceError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn text(name: &str, inspected: &Inspected) -> String {
    let mut lines = vec![format!("bundle     {name}")];
    if let Some(bundle) = &inspected.bundle {
        let mut line = |label: &str, text: String| {
            if !text.is_empty() {
                lines.push(format!("{label:<10} {text}"));
            }
        };
        line("package", bundle.package().to_owned());
        line("name", bundle.name().to_owned());
        line("version", bundle.version().to_owned());
        line("channels", bundle.channels().join(", "));
        let default = bundle.default_channel().unwrap_or_default();
        line("default", default.to_owned());
        line("replaces", bundle.replaces().to_owned());
        line("skips", bundle.skips().join(", "));
        line("skip range", bundle.skip_range().to_owned());
        line("provides", apis(bundle.provided_apis()).join(", "));
        line("requires", apis(bundle.required_apis()).join(", "));
    }
    lines.push(format!("images     {}", inspected.images.len()));
    for found in &inspected.images {
        let (file, line) = (&inspected.csv_file, found.line);
        let Found {
            image,
            origin,
            path,
            ..
        } = found;
        lines.push(format!("  {image}\n    {origin}, {file}:{line}, {path}"));
    }
    for problem in &inspected.problems {
        lines.push(format!("problem    {problem}"));
    }
    lines.join("\n")
}

fn apis<'a>(apis: impl IntoIterator<Item = &'a bundle::Api>) -> Vec<String> {
    apis.into_iter().map(ToString::to_string).collect()
}

fn to_json(inspected: &Inspected) -> Value {
    let images: Vec<Value> = inspected
        .images
        .iter()
        .map(|found| {
            json!({
                "name": found.name,
                "image": found.image,
                "named_by": found.origin.to_string(),
                "file": inspected.csv_file,
                "line": found.line,
                "path": found.path.to_string(),
            })
        })
        .collect();
    let mut all = json!({"images": images, "problems": inspected.problems});
    if let Some(bundle) = &inspected.bundle {
        all["package"] = json!(bundle.package());
        all["name"] = json!(bundle.name());
        all["version"] = json!(bundle.version());
        all["channels"] = json!(bundle.channels());
        all["default_channel"] = json!(bundle.default_channel());
        all["replaces"] = json!(bundle.replaces());
        all["skips"] = json!(bundle.skips());
        all["skip_range"] = json!(bundle.skip_range());
        all["provided_apis"] = json!(apis(bundle.provided_apis()));
        all["required_apis"] = json!(apis(bundle.required_apis()));
    }
    all
}

/// The files below the two directories of a bundle; links are not followed.
fn read_directory(directory: &Path) -> anyhow::Result<Files> {
    fn collect(path: &Path, name: &str, files: &mut Files) -> anyhow::Result<()> {
        let unreadable = || format!("`{}` could not be read", path.display());
        for entry in std::fs::read_dir(path).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let (kind, path) = (entry.file_type().with_context(unreadable)?, entry.path());
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                collect(&path, &name, files)?;
            } else if kind.is_file() {
                let size = entry.metadata().with_context(unreadable)?.len();
                anyhow::ensure!(
                    size <= MAX_FILE_BYTES,
                    "`{}` has {size} bytes, more than the {MAX_FILE_BYTES} that a file of a bundle may have",
                    path.display()
                );
                let bytes = std::fs::read(&path).with_context(unreadable)?;
                files.insert(name, bytes);
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    for name in ["manifests", "metadata"] {
        let path = directory.join(name);
        if path.is_dir() {
            collect(&path, name, &mut files)?;
        }
    }
    Ok(files)
}
