//! A bundle as its author wrote it: which images it names and where, and changes that leave every other byte as it was.
//!
//! [`Bundle`](crate::Bundle) answers what an index makes of a bundle; this module works on the text itself (workflow specification,
//! section 6):
//! - [`Csv::find`] and [`Annotations::read`] take the two files that are changed out of a bundle;
//! - [`Csv::found`] lists every image the CSV names, with file, line and path;
//! - [`Csv::replace`], [`Csv::annotate`] and [`Annotations::set_package`] change single values. Each result is read again and compared
//!   with the document that was meant; [`EditLog`] gives the former bytes back;
//! - [`Customiser`] applies an organisation's customisations in their order. It asks for what only a registry knows.
//!
//! ```
//! use std::collections::BTreeMap;
//! use bundle::source::{Csv, PullSpec};
//!
//! let text = "kind: ClusterServiceVersion\nmetadata:\n  annotations: {containerImage: \"quay.io/demo/app:1\"} # ours\nspec: {install: {}}\n";
//! let files = BTreeMap::from([("manifests/csv.yaml".to_owned(), text.as_bytes().to_vec())]);
//! let mut csv = Csv::find(&files).unwrap();
//! let found = csv.found().unwrap();
//! assert_eq!((found[0].image.as_str(), found[0].line), ("quay.io/demo/app:1", 3));
//!
//! let pinned: PullSpec = "quay.io/demo/app@sha256:00ff".parse().unwrap();
//! csv.replace(&BTreeMap::from([(found[0].spec.clone(), pinned)])).unwrap();
//! let changed = String::from_utf8(csv.file().bytes().to_vec()).unwrap();
//! assert!(changed.contains("  annotations: {containerImage: \"quay.io/demo/app@sha256:00ff\"} # ours\n"));
//! assert_eq!(csv.file().log().undo(changed.as_bytes()).unwrap(), text.as_bytes());
//! ```

mod align;
mod annotations;
mod csv;
mod customise;
mod edit;
mod error;
mod file;
mod found;
mod guess;
mod insert;
mod path;
mod pull_spec;
mod related;
mod replace;
mod scalar;
mod shape;
mod truth;

pub use annotations::{Annotations, PACKAGE_LABEL};
pub use csv::Csv;
pub use customise::{
    AnnotationTemplate, Customisation, Customised, Customiser, LabelTemplate, Organizations, Plan,
    Purpose, Question, TemplateError,
};
pub use edit::{Edit, EditLog, LineEdit, UndoError};
pub use error::{Conflict, SourceError};
pub use file::SourceFile;
pub use found::{Found, Origin};
pub use path::JsonPath;
pub use pull_spec::{EmptyPullSpec, PullSpec};
pub use truth::{is_bundle, is_truthy};
