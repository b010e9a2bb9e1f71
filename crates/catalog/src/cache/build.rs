//! Writing a cache, bringing one up to date, and judging one.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::contents::{self, Task};
use super::fnv::Fnv;
use super::hasher::{Feed, Hasher};
use super::pogreb::{Piece, Tally};
use super::{
    CacheError, Change, Format, Integrity, Options, Report, archive, at, json_files, pipeline,
    pogreb,
};
use crate::Profile;
use crate::fbc::{Catalog, Model, Shelf};

pub(super) const DIGEST: &str = "digest";
pub(super) const POGREB: &str = "pogreb.v1";
pub(super) const DATABASE: &str = "db";
const MAX_DIGEST_BYTES: u64 = 1024;

/// Writes the cache of a catalog anew. Without a format it is that of the cache the directory holds, or
/// [`Format::Pogreb`].
///
/// The catalog is read and validated before the old cache is touched. The digest is written last: a cache whose writing
/// was interrupted has none, and no server takes it for a whole one; a database that cannot be written at all leaves the
/// old one as it was. Equal catalogs give equal files. Bundles are worked on in the thread pool this runs on; a few of them
/// are in memory as records at a time.
///
/// # Errors
/// [`CacheError`] if the catalog cannot be read or is not valid, or the cache cannot be written.
pub fn write(catalog_dir: &Path, cache_dir: &Path, options: Options) -> Result<Report, CacheError> {
    let format = format(cache_dir, options)?;
    let work = Work {
        catalog_dir,
        cache_dir,
        profile: options.profile,
    };
    match format {
        Format::Pogreb => {
            let (catalog, blobs) = Shelved::read(catalog_dir)?;
            work.write_database(&catalog, blobs)
        }
        Format::Json => work.write_files(hash_catalog(catalog_dir)),
    }
}

/// Brings the cache of a catalog up to date, at the cost of what has changed where that is possible.
///
/// A cache that belongs to the catalog is left alone, whoever wrote it. Of a database, records that stay the same stay
/// where they are, and the others go to one more segment; if half of it would be records of no more use, or a record is
/// damaged, it is written anew. So is every cache of the other format. Interrupted at any moment, this leaves the old
/// cache, or one without digest.
///
/// # Errors
/// Those of [`write()`].
pub fn update(
    catalog_dir: &Path,
    cache_dir: &Path,
    options: Options,
) -> Result<Report, CacheError> {
    let format = format(cache_dir, options)?;
    let work = Work {
        catalog_dir,
        cache_dir,
        profile: options.profile,
    };
    let recorded = recorded_digest(cache_dir, format)?;
    match format {
        Format::Pogreb => {
            let (catalog, blobs) = Shelved::read(catalog_dir)?;
            if let Some(recorded) = recorded
                && let Ok(digest) = database_digest(blobs.clone(), &work.database())
                && digest == recorded
            {
                return Ok(Report::unchanged(digest));
            }
            work.update_database(&catalog, blobs)
        }
        Format::Json => {
            let hasher = hash_catalog(catalog_dir);
            let Some(recorded) = recorded else {
                return work.write_files(hasher);
            };
            let files = hasher.finish()?;
            let mut fnv = files.clone();
            json_files::add_records(&mut fnv, cache_dir)?;
            if fnv.to_hex() == recorded {
                return Ok(Report::unchanged(recorded));
            }
            work.write_files(Hasher::start(files))
        }
    }
}

/// Judges a cache as a server does that enforces integrity, and more: every record's checksum is looked at too.
///
/// # Errors
/// [`CacheError`] if the catalog cannot be read, the directory holds no cache, or a file of the cache is damaged.
pub fn check(catalog_dir: &Path, cache_dir: &Path) -> Result<Integrity, CacheError> {
    let Some(format) = detect(cache_dir)? else {
        return Ok(Integrity::Absent);
    };
    let Some(recorded) = recorded_digest(cache_dir, format)? else {
        return Ok(Integrity::Absent);
    };
    let computed = match format {
        Format::Pogreb => {
            let (_, blobs) = Shelved::read(catalog_dir)?;
            database_digest(blobs, &cache_dir.join(POGREB).join(DATABASE))?
        }
        Format::Json => {
            let mut fnv = Fnv::new();
            add_catalog(&mut fnv, catalog_dir)?;
            json_files::add_records(&mut fnv, cache_dir)?;
            fnv.to_hex()
        }
    };
    Ok(if recorded == computed {
        Integrity::Current { digest: computed }
    } else {
        Integrity::Stale { recorded, computed }
    })
}

/// Hands over all records of a `pogreb.v1` cache with their keys, keys in byte order. One value at a time is in memory.
///
/// # Errors
/// [`CacheError`] if there is no such cache, or a file of it is damaged.
pub fn records(cache_dir: &Path, mut each: impl FnMut(&[u8], &[u8])) -> Result<(), CacheError> {
    let (mut key, mut value) = (None::<Vec<u8>>, Vec::new());
    pogreb::Database::open(&cache_dir.join(POGREB).join(DATABASE))?.verify(
        |piece| match piece {
            Piece::Key(next) => {
                if let Some(key) = key.replace(next.to_vec()) {
                    each(&key, &value);
                }
                value.clear();
            }
            Piece::Value(bytes) => value.extend_from_slice(bytes),
        },
    )?;
    if let Some(key) = key {
        each(&key, &value);
    }
    Ok(())
}

/// The format to write.
fn format(cache_dir: &Path, options: Options) -> Result<Format, CacheError> {
    match (options.format, detect(cache_dir)?) {
        (Some(asked), Some(found)) if asked != found => Err(CacheError::OtherFormat {
            dir: cache_dir.to_owned(),
            found,
        }),
        (asked, found) => Ok(asked.or(found).unwrap_or_default()),
    }
}

/// The format of the cache in a directory, by the rules of the reference tool; `None` if the directory is absent or empty.
///
/// # Errors
/// [`CacheError`] if the directory cannot be listed, or holds something else.
pub fn detect(cache_dir: &Path) -> Result<Option<Format>, CacheError> {
    let mut names = match fs::read_dir(cache_dir) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(at("read", cache_dir))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at("read", cache_dir)(error)),
    };
    names.sort();
    if names.is_empty() {
        Ok(None)
    } else if cache_dir.join(POGREB).is_dir() {
        Ok(Some(Format::Pogreb))
    } else if cache_dir.join(json_files::FOLDER).is_dir() && cache_dir.join(DIGEST).is_file() {
        Ok(Some(Format::Json))
    } else {
        Err(CacheError::UnexpectedContents {
            dir: cache_dir.to_owned(),
            names,
        })
    }
}

/// The digest that a cache says it has; `None` if it has none.
fn recorded_digest(cache_dir: &Path, format: Format) -> Result<Option<String>, CacheError> {
    let path = digest_path(cache_dir, format);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at("read", &path)(error)),
    };
    // A digest has 16 digits, with blanks around them at most.
    let mut bytes = Vec::new();
    let read = file.take(MAX_DIGEST_BYTES).read_to_end(&mut bytes);
    read.map_err(at("read", &path))?;
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

fn digest_path(cache_dir: &Path, format: Format) -> PathBuf {
    match format {
        Format::Pogreb => cache_dir.join(POGREB).join(DIGEST),
        Format::Json => cache_dir.join(DIGEST),
    }
}

/// The model of a catalog that breaks no rule.
pub(super) fn valid(catalog: &Catalog, profile: Profile) -> Result<Model<'_>, CacheError> {
    let model = Model::of_profile(catalog, profile)?;
    model.check()?;
    Ok(model)
}

/// A catalog whose manifests are not in memory.
#[derive(Debug)]
struct Shelved {
    catalog: Catalog,
    shelf: Shelf,
}

impl Shelved {
    /// Reads a catalog, and begins the digest of a database with its blobs.
    fn read(catalog_dir: &Path) -> Result<(Self, Fnv), CacheError> {
        let shelf = Shelf::new();
        let hasher = Hasher::start(Fnv::new());
        let mut feed = Feed::new(&hasher);
        let catalog = Catalog::read_tree_with(catalog_dir, &shelf, &mut |text| feed.write(text));
        feed.end();
        let blobs = hasher.finish()?;
        let catalog = catalog?;
        Ok((Self { catalog, shelf }, blobs))
    }

    /// Reads a catalog alone.
    fn read_alone(catalog_dir: &Path) -> Result<Self, CacheError> {
        let shelf = Shelf::new();
        let catalog = Catalog::read_tree_to(catalog_dir, &shelf)?;
        Ok(Self { catalog, shelf })
    }

    /// The model of a catalog that breaks no rule.
    fn valid(&self, profile: Profile) -> Result<Model<'_>, CacheError> {
        valid(&self.catalog, profile)
    }

    fn tasks<'a>(
        &'a self,
        model: &'a Model<'a>,
        format: Format,
        profile: Profile,
    ) -> Result<Vec<Task<'a>>, CacheError> {
        let tasks = contents::tasks(&self.catalog, model, format, profile)?;
        let tasks = tasks.into_iter();
        Ok(tasks.map(|task| task.with_shelf(&self.shelf)).collect())
    }
}

/// Begins the digest of a JSON cache with the catalog's files, beside whatever is done next.
fn hash_catalog(catalog_dir: &Path) -> Hasher {
    let hasher = Hasher::start(Fnv::new());
    let dir = catalog_dir.to_owned();
    hasher.then(Box::new(move |fnv| add_catalog(fnv, &dir)));
    hasher
}

/// Adds the catalog's files to the digest of a JSON cache.
fn add_catalog(fnv: &mut Fnv, catalog_dir: &Path) -> Result<(), CacheError> {
    archive::add_directory(fnv, catalog_dir).map_err(at("read", catalog_dir))
}

/// The digest of a database: the catalog's blobs, then all keys and values.
fn database_digest(blobs: Fnv, database: &Path) -> Result<String, CacheError> {
    let hasher = Hasher::start(blobs);
    let mut feed = Feed::new(&hasher);
    pogreb::Database::open(database)?.verify(|piece| feed.write(piece.bytes()))?;
    feed.end();
    Ok(hasher.finish()?.to_hex())
}

/// A catalog and where its cache goes.
#[derive(Debug, Clone, Copy)]
struct Work<'a> {
    catalog_dir: &'a Path,
    cache_dir: &'a Path,
    profile: Profile,
}

impl Work<'_> {
    fn database(&self) -> PathBuf {
        self.cache_dir.join(POGREB).join(DATABASE)
    }

    fn write_database(&self, catalog: &Shelved, blobs: Fnv) -> Result<Report, CacheError> {
        let model = catalog.valid(self.profile)?;
        let tasks = catalog.tasks(&model, Format::Pogreb, self.profile)?;
        let database = self.database();
        make_database_folder(&database)?;
        let writer = pogreb::Writer::create(&database)?;
        let hasher = Hasher::start(blobs);
        let writer = pipeline::run(&tasks, Format::Pogreb, writer, &hasher)?;
        let digest = hasher.finish()?.to_hex();
        self.commit(writer, digest, Change::Rewritten)
    }

    fn update_database(&self, catalog: &Shelved, blobs: Fnv) -> Result<Report, CacheError> {
        let database = self.database();
        let writer = match pogreb::Writer::update(&database) {
            Ok(writer) => writer,
            Err(error @ CacheError::InUse { .. }) => return Err(error),
            // What cannot be read cannot be built upon.
            Err(_) => return self.write_database(catalog, blobs),
        };
        let model = catalog.valid(self.profile)?;
        let tasks = catalog.tasks(&model, Format::Pogreb, self.profile)?;
        let hasher = Hasher::start(blobs.clone());
        let writer = pipeline::run(&tasks, Format::Pogreb, writer, &hasher)?;
        let digest = hasher.finish()?.to_hex();
        if writer.is_mostly_dead() {
            drop(writer);
            return self.write_database(catalog, blobs);
        }
        self.commit(writer, digest, Change::Updated)
    }

    /// Puts a database in its place. Without its digest no server takes it for a whole one, whatever is in place by then.
    fn commit(
        &self,
        mut writer: pogreb::Writer,
        digest: String,
        change: Change,
    ) -> Result<Report, CacheError> {
        writer.seal()?;
        let path = digest_path(self.cache_dir, Format::Pogreb);
        remove(fs::remove_file(&path), &path)?;
        let Tally {
            kept,
            put: written,
            deleted,
            bytes,
        } = writer.commit()?;
        json_files::write_file(&path, &[digest.as_bytes()], 0o660)?;
        Ok(Report {
            digest,
            change,
            kept,
            written,
            deleted,
            bytes,
        })
    }

    /// Writes a JSON cache; the hasher has been given the catalog's files.
    fn write_files(&self, hasher: Hasher) -> Result<Report, CacheError> {
        let catalog = Shelved::read_alone(self.catalog_dir)?;
        let model = catalog.valid(self.profile)?;
        let tasks = catalog.tasks(&model, Format::Json, self.profile)?;
        fs::create_dir_all(self.cache_dir).map_err(at("create", self.cache_dir))?;
        let digest_path = digest_path(self.cache_dir, Format::Json);
        // An empty digest is what keeps a half-written directory recognisable as a JSON cache.
        remove(fs::remove_file(&digest_path), &digest_path)?;
        json_files::write_file(&digest_path, &[], 0o640)?;
        let writer = json_files::Writer::create(self.cache_dir)?;
        hasher.then(writer.begin());
        let writer = pipeline::run(&tasks, Format::Json, writer, &hasher)?;
        hasher.then(Box::new(|fnv| {
            archive::add_end(fnv);
            Ok(())
        }));
        let digest = hasher.finish()?.to_hex();
        fs::write(&digest_path, &digest).map_err(at("write", &digest_path))?;
        Ok(Report {
            digest,
            change: Change::Rewritten,
            kept: 0,
            written: writer.files,
            deleted: 0,
            bytes: writer.bytes,
        })
    }
}

fn make_database_folder(path: &Path) -> Result<(), CacheError> {
    fs::create_dir_all(path).map_err(at("create", path))?;
    fs::set_permissions(path, Permissions::from_mode(0o770))
        .map_err(at("set the permissions of", path))
}

/// Makes removing what is not there a success.
fn remove(removed: std::io::Result<()>, path: &Path) -> Result<(), CacheError> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_that_are_lost_on_the_way_fail_the_cache_and_leave_no_digest() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog_dir, cache_dir) = (folder.path().join("catalog"), folder.path().join("cache"));
        fs::create_dir(&catalog_dir).unwrap();
        let blobs = format!(
            r#"{{"schema":"olm.package","name":"a","defaultChannel":"c"}}
               {{"schema":"olm.channel","name":"c","package":"a","entries":[{{"name":"a.v1"}}]}}
               {{"schema":"olm.bundle","name":"a.v1","package":"a","image":"r/i","properties":[
                 {{"type":"olm.package","value":{{"packageName":"a","version":"1.0.0"}}}},
                 {{"type":"olm.csv.metadata","value":{{"displayName":"{}"}}}}]}}"#,
            "x".repeat(600)
        );
        fs::write(catalog_dir.join("catalog.json"), blobs).unwrap();
        let work = Work {
            catalog_dir: &catalog_dir,
            cache_dir: &cache_dir,
            profile: Profile::default(),
        };
        let (catalog, blobs) = Shelved::read(&catalog_dir).unwrap();
        assert!(work.write_database(&catalog, blobs.clone()).is_ok());
        fs::remove_file(digest_path(&cache_dir, Format::Pogreb)).unwrap();
        catalog.shelf.lose().unwrap();
        let failed = work.write_database(&catalog, blobs);
        assert!(matches!(failed, Err(CacheError::Shelf(_))), "{failed:?}");
        assert_eq!(check(&catalog_dir, &cache_dir).unwrap(), Integrity::Absent);
    }
}
