//! The manifests of bundles, out of memory while nobody needs them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{BUNDLE_OBJECT, Blob, Bundle, CSV_METADATA};

/// What stands for a value that was taken: a value that breaks no rule, like every one that is taken.
const STAND_IN: &str = "{}";
/// Shorter values are not worth it.
const WORTH_TAKING: usize = 512;

/// A file without name that holds what makes bundles large: embedded manifests, and metadata of CSVs.
///
/// Everything that a catalog is judged by stays in memory. What cannot be written, for want of a place or of space, stays
/// there too. Threads may use it together.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// `None` where no file could be made.
    file: Option<File>,
    /// Where what comes next is written.
    end: AtomicU64,
    /// What was taken, by package and bundle. A catalog that has two bundles of one name is not valid, and nobody asks for
    /// them.
    taken: Mutex<HashMap<String, HashMap<String, Taken>>>,
}

/// What was taken of a bundle. The values stand one after the other.
#[derive(Debug, Clone)]
struct Taken {
    offset: u64,
    /// Indexes of properties, and the lengths of their values in bytes.
    values: Vec<(usize, usize)>,
}

impl Shelf {
    /// An empty shelf in the directory for temporary files.
    pub(crate) fn new() -> Self {
        Self::on(tempfile::tempfile().ok())
    }

    fn on(file: Option<File>) -> Self {
        Self {
            file,
            end: AtomicU64::new(0),
            taken: Mutex::default(),
        }
    }

    /// Takes the large values of a bundle.
    pub(super) fn take(&self, blob: &mut Blob) {
        let (Some(file), Blob::Bundle(bundle)) = (&self.file, blob) else {
            return;
        };
        let (mut text, mut values) = (String::new(), Vec::new());
        for (index, property) in bundle.properties.iter().enumerate() {
            let value = property.value.as_deref().unwrap_or_default();
            if is_taken(&property.type_, value) {
                text.push_str(value);
                values.push((index, value.len()));
            }
        }
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let offset = self.end.fetch_add(length, Ordering::Relaxed);
        if values.is_empty() || file.write_all_at(text.as_bytes(), offset).is_err() {
            return;
        }
        for (index, _) in &values {
            bundle.properties[*index].value = Some(STAND_IN.to_owned());
        }
        let mut taken = self.taken();
        let package = taken.entry(bundle.package.clone()).or_default();
        package.insert(bundle.name.clone(), Taken { offset, values });
    }

    /// The bundle with everything that was taken of it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn whole<'b>(&self, bundle: &'b Bundle) -> io::Result<Cow<'b, Bundle>> {
        let (Some(file), Some(Taken { offset, values })) = (&self.file, self.of(bundle)) else {
            return Ok(Cow::Borrowed(bundle));
        };
        let mut whole = bundle.clone();
        let mut at = offset;
        for (index, length) in values {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, at)?;
            at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            let text = String::from_utf8(bytes).map_err(io::Error::other)?;
            whole.properties[index].value = Some(text);
        }
        Ok(Cow::Owned(whole))
    }

    /// The lengths of the values that were taken of a bundle, by the indexes of its properties.
    pub(crate) fn lengths(&self, bundle: &Bundle) -> BTreeMap<usize, usize> {
        let taken = self.of(bundle);
        taken.into_iter().flat_map(|taken| taken.values).collect()
    }

    /// Loses what was taken, as a failing disk does.
    #[cfg(test)]
    pub(crate) fn lose(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.set_len(0))
    }

    fn of(&self, bundle: &Bundle) -> Option<Taken> {
        self.taken()
            .get(&bundle.package)?
            .get(&bundle.name)
            .cloned()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Taken>>> {
        // Nothing panics while it is held, and each change is one insertion.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_taken(type_: &str, value: &str) -> bool {
    value.len() >= WORTH_TAKING
        && matches!(type_, BUNDLE_OBJECT | CSV_METADATA)
        && value.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::super::{Property, canonical};
    use super::*;

    fn bundle() -> Bundle {
        let property = |type_: &str, value: String| Property {
            type_: type_.to_owned(),
            value: Some(value),
        };
        Bundle {
            name: "a.v1".to_owned(),
            package: "a".to_owned(),
            properties: vec![
                canonical::bundle_object("m".repeat(600).as_bytes()),
                canonical::package("a", "1.0.0", ""),
                property(
                    CSV_METADATA,
                    format!("{{\"displayName\":\"{}\"}}", "ö".repeat(600)),
                ),
                property(CSV_METADATA, format!("\"{}\"", "x".repeat(600))),
                property("other", format!("{{\"x\":\"{}\"}}", "x".repeat(600))),
                canonical::bundle_object(b"{}"),
            ],
            ..Bundle::default()
        }
    }

    fn taken(shelf: &Shelf) -> Bundle {
        let mut blob = Blob::Bundle(bundle());
        shelf.take(&mut blob);
        let Blob::Bundle(bundle) = blob else {
            panic!("a bundle became {blob:?}");
        };
        bundle
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let shelf = Shelf::new();
        let slim = taken(&shelf);
        let values: Vec<bool> = slim
            .properties
            .iter()
            .map(|property| property.value.as_deref() == Some(STAND_IN))
            .collect();
        assert_eq!(values, [true, false, true, false, false, false]);
        assert_eq!(*shelf.whole(&slim).unwrap(), bundle());
        let whole = bundle();
        let length = |index: usize| {
            whole.properties[index]
                .value
                .as_ref()
                .map_or(0, String::len)
        };
        let lengths = BTreeMap::from([(0, length(0)), (2, length(2))]);
        assert_eq!(shelf.lengths(&slim), lengths);
    }

    #[test]
    fn what_cannot_be_written_stays() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read_only = File::open(file.path()).unwrap();
        for shelf in [Shelf::on(Some(read_only)), Shelf::on(None)] {
            assert_eq!(taken(&shelf), bundle());
            assert!(matches!(shelf.whole(&bundle()), Ok(Cow::Borrowed(_))));
        }
    }

    #[test]
    fn what_is_lost_is_an_error() {
        let shelf = Shelf::new();
        let slim = taken(&shelf);
        shelf.lose().unwrap();
        assert!(shelf.whole(&slim).is_err());
    }
}
