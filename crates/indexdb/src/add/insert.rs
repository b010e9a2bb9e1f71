//! The rows of one bundle (index database specification, 1.3 and 2.4 to 2.8).

use std::collections::BTreeSet;

use bundle::{Api, Bundle, Property};
use rusqlite::{Connection, params};

use super::AddOptions;
use crate::error::{Doing, Error};
use crate::lookup;

/// Stores a bundle with everything that hangs on it, but no upgrade graph.
pub(super) fn bundle(
    connection: &Connection,
    bundle: &Bundle,
    options: AddOptions,
) -> Result<(), Error> {
    let mut properties = bundle.properties(options.profile)?;
    if !bundle.substitutes_for().is_empty() && !options.substitutes_for {
        return Err(Error::SubstitutesForDisabled {
            bundle: bundle.name().to_owned(),
        });
    }
    if lookup::is_real(connection, bundle.name())? {
        return Err(Error::BundleExists {
            name: bundle.name().to_owned(),
        });
    }
    if lookup::is_deprecated(connection, bundle.name())? {
        properties.insert(Property {
            type_: "olm.deprecated".to_owned(),
            value: "{}".to_owned(),
        });
    }
    rows(connection, bundle, &properties).doing("storing a bundle")
}

fn rows(
    connection: &Connection,
    bundle: &Bundle,
    properties: &BTreeSet<Property>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO operatorbundle (name, csv, bundle, bundlepath, skiprange, version, replaces, skips, substitutesfor) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            bundle.name(),
            bundle.csv_json().as_bytes(),
            bundle.objects_json().as_bytes(),
            bundle.path(),
            bundle.skip_range(),
            bundle.version(),
            bundle.replaces(),
            bundle.skips().join(","),
            bundle.substitutes_for(),
        ])?;

    let mut image = connection
        .prepare_cached("INSERT INTO related_image (image, operatorbundle_name) VALUES (?1, ?2)")?;
    for related in bundle.related_images() {
        image.execute([related, bundle.name()])?;
    }
    dependencies(connection, bundle)?;
    for declared in properties {
        let (type_, value) = (&declared.type_, &declared.value);
        let (name, version, path) = (bundle.name(), bundle.version(), bundle.path());
        property(connection, type_, value, name, version, path)?;
    }
    apis(connection, "api_provider", bundle.provided_apis(), bundle)?;
    apis(connection, "api_requirer", bundle.required_apis(), bundle)
}

/// In satellite tables an empty version or path is NULL, which exempts the row from its foreign key.
fn or_null(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn dependencies(connection: &Connection, bundle: &Bundle) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO dependencies (type, value, operatorbundle_name, operatorbundle_version, operatorbundle_path) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut add = |type_: &str, value: Option<&[u8]>| {
        insert.execute(params![
            type_,
            value,
            bundle.name(),
            or_null(bundle.version()),
            or_null(bundle.path())
        ])
    };
    for dependency in bundle.dependencies() {
        add(
            &dependency.type_,
            dependency.value.as_deref().map(str::as_bytes),
        )?;
    }
    for api in bundle.required_apis() {
        add("olm.gvk", Some(api.gvk_json().as_bytes()))?;
    }
    Ok(())
}

/// Stores a property of a bundle, without looking for an equal one.
pub(crate) fn property(
    connection: &Connection,
    type_: &str,
    value: &str,
    name: &str,
    version: &str,
    path: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO properties (type, value, operatorbundle_name, operatorbundle_version, operatorbundle_path) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![type_, value, name, or_null(version), or_null(path)])?;
    Ok(())
}

fn apis(
    connection: &Connection,
    table: &str,
    apis: &BTreeSet<Api>,
    bundle: &Bundle,
) -> rusqlite::Result<()> {
    // The plural of an API that is known already stays.
    let mut api_row = connection.prepare_cached(
        "INSERT OR IGNORE INTO api (group_name, version, kind, plural) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut use_row = connection.prepare_cached(&format!(
        "INSERT INTO {table} (group_name, version, kind, operatorbundle_name, operatorbundle_version, operatorbundle_path) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?;
    for api in apis {
        api_row.execute([&api.group, &api.version, &api.kind, &api.plural])?;
        let (version, path) = (or_null(bundle.version()), or_null(bundle.path()));
        use_row.execute(params![
            api.group,
            api.version,
            api.kind,
            bundle.name(),
            version,
            path
        ])?;
    }
    Ok(())
}
