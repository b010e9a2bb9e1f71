//! Writing a cache, and judging one.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rayon::prelude::*;

use super::bundles::Bundles;
use super::fnv::Fnv;
use super::record::BundleRecord;
use super::{CacheError, Format, Integrity, at, index, json_files, pogreb};
use crate::fbc::{Catalog, Model};

const DIGEST: &str = "digest";
const POGREB: &str = "pogreb.v1";
const DATABASE: &str = "db";
const PACKAGES: &str = "packages.json";

/// Writes the cache of a catalog and returns its digest. Without a format it is that of the cache the directory holds, or
/// [`Format::Pogreb`].
///
/// The catalog is read and validated before the old cache is touched. The digest is written last: a cache whose writing
/// was interrupted has none, and no server takes it for a whole one. Equal catalogs give equal files. Packages are
/// worked on in the thread pool this runs on; a few of them are in memory as records at a time.
///
/// # Errors
/// [`CacheError`] if the catalog cannot be read or is not valid, or the cache cannot be written.
pub fn write(
    catalog_dir: &Path,
    cache_dir: &Path,
    format: Option<Format>,
) -> Result<String, CacheError> {
    let found = detect(cache_dir)?;
    let format = match (format, found) {
        (Some(asked), Some(found)) if asked != found => {
            return Err(CacheError::OtherFormat {
                dir: cache_dir.to_owned(),
                found,
            });
        }
        (asked, found) => asked.or(found).unwrap_or_default(),
    };
    let mut blobs = Fnv::new();
    let catalog = Catalog::read_tree_with(catalog_dir, &mut |text| blobs.write(text))?;
    let model = Model::new(&catalog)?;
    model.check()?;
    let packages = index::packages(&catalog, &model);
    fs::create_dir_all(cache_dir).map_err(at("create", cache_dir))?;
    match format {
        Format::Pogreb => write_pogreb(&model, &packages, blobs, &cache_dir.join(POGREB)),
        Format::Json => write_json(&model, &packages, catalog_dir, cache_dir),
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
    let digest_path = match format {
        Format::Pogreb => cache_dir.join(POGREB).join(DIGEST),
        Format::Json => cache_dir.join(DIGEST),
    };
    let recorded = match fs::read(&digest_path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Integrity::Absent),
        Err(error) => return Err(at("read", &digest_path)(error)),
    };
    let computed = match format {
        Format::Pogreb => {
            let mut blobs = Fnv::new();
            Catalog::read_tree_with(catalog_dir, &mut |text| blobs.write(text))?;
            pogreb_digest(blobs, &cache_dir.join(POGREB).join(DATABASE))?
        }
        Format::Json => json_files::digest(catalog_dir, cache_dir)?,
    };
    Ok(if recorded == computed {
        Integrity::Current { digest: computed }
    } else {
        Integrity::Stale { recorded, computed }
    })
}

/// The format of the cache in a directory, by the rules of the reference tool; `None` if the directory is absent or empty.
fn detect(cache_dir: &Path) -> Result<Option<Format>, CacheError> {
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

fn write_pogreb(
    model: &Model<'_>,
    packages: &str,
    blobs: Fnv,
    dir: &Path,
) -> Result<String, CacheError> {
    let (digest_path, database) = (dir.join(DIGEST), dir.join(DATABASE));
    remove(fs::remove_file(&digest_path), &digest_path)?;
    remove(fs::remove_dir_all(&database), &database)?;
    fs::create_dir_all(&database).map_err(at("create", &database))?;
    fs::set_permissions(&database, Permissions::from_mode(0o770))
        .map_err(at("set the permissions of", &database))?;
    let mut writer = pogreb::Writer::create(&database)?;
    each_record(
        model,
        |record| {
            let (package, channel, bundle) = (record.package, record.channel, record.name);
            let key = format!("bundles/{package}/{channel}/{bundle}");
            (key, record.to_protobuf())
        },
        |(key, value)| writer.put(&key, &value),
    )?;
    writer.put(PACKAGES, packages.as_bytes())?;
    writer.finish()?;
    let digest = pogreb_digest(blobs, &database)?;
    json_files::write_file(&digest_path, digest.as_bytes(), 0o660)?;
    Ok(digest)
}

/// The digest of a database: the catalog's blobs, then all keys and values.
fn pogreb_digest(blobs: Fnv, database: &Path) -> Result<String, CacheError> {
    let mut fnv = blobs;
    pogreb::Database::open(database)?.verify(|key, value| {
        fnv.write(key);
        fnv.write(value);
    })?;
    Ok(fnv.to_hex())
}

fn write_json(
    model: &Model<'_>,
    packages: &str,
    catalog_dir: &Path,
    cache_dir: &Path,
) -> Result<String, CacheError> {
    let digest_path = cache_dir.join(DIGEST);
    // An empty digest is what keeps a half-written directory recognisable as a JSON cache.
    remove(fs::remove_file(&digest_path), &digest_path)?;
    json_files::write_file(&digest_path, b"", 0o640)?;
    let writer = json_files::Writer::create(cache_dir)?;
    each_record(
        model,
        |record| {
            let (package, channel, bundle) = (record.package, record.channel, record.name);
            (
                format!("{package}_{channel}_{bundle}.json"),
                record.to_json(),
            )
        },
        |(name, json)| writer.file(&name, &json),
    )?;
    writer.file(PACKAGES, packages)?;
    let digest = json_files::digest(catalog_dir, cache_dir)?;
    fs::write(&digest_path, &digest).map_err(at("write", &digest_path))?;
    Ok(digest)
}

/// Encodes all records in parallel and hands them over one by one, in the order of packages, channels and bundles.
fn each_record<T: Send>(
    model: &Model<'_>,
    encode: impl Fn(&BundleRecord<'_>) -> T + Sync,
    mut put: impl FnMut(T) -> Result<(), CacheError>,
) -> Result<(), CacheError> {
    let packages: Vec<_> = model.packages.iter().collect();
    for batch in packages.chunks(2 * rayon::current_num_threads()) {
        let encoded: Vec<Result<Vec<T>, CacheError>> = batch
            .par_iter()
            .map(|(name, package)| {
                let bundles = Bundles::of(name, package)?;
                Ok(bundles.records().map(|record| encode(&record)).collect())
            })
            .collect();
        for records in encoded {
            records?.into_iter().try_for_each(&mut put)?;
        }
    }
    Ok(())
}

/// Makes removing what is not there a success.
fn remove(removed: std::io::Result<()>, path: &Path) -> Result<(), CacheError> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
