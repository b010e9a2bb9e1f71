//! What the database says of bundles besides their edges (file-based catalog specification, 3.2).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catalog::Version;
use catalog::fbc::{self, canonical};
use catalog::json::{self, Fields, Part, raw};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::RenderError;
use crate::error::{Doing, Error};

/// Types and values, each once.
type Pairs = BTreeSet<(String, String)>;

/// What a bundle's blob shows of its manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Each of them.
    Objects,
    /// What users see of the CSV; where that cannot be, each of them.
    CsvMetadata,
}

struct Known {
    path: String,
    version: String,
}

/// What a bundle's row holds behind its manifests, and these: to be read once, as it takes walking through all of them.
#[derive(Default)]
pub(super) struct Large {
    /// JSON objects one after the other; empty if they were cleared.
    pub(super) manifests: Vec<u8>,
    /// The range of versions it skips; empty if none.
    pub(super) skip_range: String,
}

/// The small columns of all bundles; their manifests are read one by one.
pub(super) struct Facts {
    known: HashMap<String, Known>,
    properties: HashMap<String, Pairs>,
    dependencies: HashMap<String, Pairs>,
    images: HashMap<String, BTreeSet<String>>,
}

impl Facts {
    pub(super) fn read(connection: &Connection) -> Result<Self, RenderError> {
        let properties = pairs(
            connection,
            "SELECT operatorbundle_name, type, value FROM properties",
        )
        .doing("reading properties")?;
        let deprecated: HashSet<&String> = properties
            .iter()
            .filter(|(_, pairs)| pairs.iter().any(|(type_, _)| type_ == "olm.deprecated"))
            .map(|(name, _)| name)
            .collect();
        let known = known(connection, &deprecated)?;
        let dependencies = "SELECT operatorbundle_name, type, value FROM dependencies";
        Ok(Self {
            known,
            dependencies: pairs(connection, dependencies).doing("reading dependencies")?,
            images: images(connection).doing("reading related images")?,
            properties,
        })
    }

    /// Whether a bundle is part of the catalog.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// The version of a bundle that is part of the catalog.
    pub(super) fn version(&self, name: &str) -> Option<String> {
        Some(self.known.get(name)?.version.clone())
    }

    /// The blob of a bundle that is part of the catalog, of its manifests and what the other columns say.
    pub(super) fn bundle(
        &self,
        package: &str,
        name: &str,
        manifests: &[u8],
        shown: Shown,
    ) -> Result<fbc::Bundle, RenderError> {
        let refuse = |reason: String| RenderError::Bundle {
            bundle: name.to_owned(),
            reason,
        };
        let known = self
            .known
            .get(name)
            .ok_or_else(|| refuse("it has no row of its own".to_owned()))?;
        let mut properties = self
            .declared(package, name, &known.version)
            .map_err(refuse)?;
        let text = json::lossy(manifests);
        let no_json = |error| refuse(format!("its manifests are not JSON: {error}"));
        let parts = raw::parts(&text).map_err(no_json)?;
        let objects: Vec<&[u8]> = match &text {
            Cow::Borrowed(_) => parts
                .iter()
                .map(|(part, _)| part.text().as_bytes())
                .collect(),
            Cow::Owned(_) => raw::values(manifests).map_err(no_json)?,
        };
        let mut csvs = parts.iter().filter_map(|(part, fields)| {
            let fields = fields.as_ref().filter(|fields| is_csv(fields))?;
            Some((part, fields))
        });
        let csv = csvs.next();
        // A CSV that is the only one need not be made an object first, only to be found among the objects again.
        let is_alone =
            shown == Shown::CsvMetadata && !known.path.is_empty() && csvs.next().is_none();
        let has = |type_: &str| properties.iter().any(|one| one.type_ == type_);
        let is_plain = !has(fbc::BUNDLE_OBJECT) && !has(fbc::CSV_METADATA);
        match &csv {
            Some((csv, _)) if is_alone && is_plain => {
                let metadata = fbc::csv_metadata(csv.text().as_bytes());
                properties.push(metadata.map_err(|source| {
                    RenderError::CsvMetadata(fbc::CatalogError::CsvMetadata {
                        package: package.to_owned(),
                        bundle: name.to_owned(),
                        source,
                    })
                })?);
            }
            _ => properties.extend(objects.iter().copied().map(canonical::bundle_object)),
        }
        if csv.is_none() && !manifests.is_empty() {
            return Err(refuse(
                "none of its manifests is a `ClusterServiceVersion`".to_owned(),
            ));
        }
        properties.sort_by(|a, b| (&a.type_, &a.value).cmp(&(&b.type_, &b.value)));
        properties.dedup();
        let mut related_images = csv.map_or_else(Vec::new, |(_, csv)| listed_images(csv));
        let listed: HashSet<String> = related_images
            .iter()
            .map(|listed| listed.image.clone())
            .collect();
        let further = self.images.get(name).into_iter().flatten();
        let further = further.filter(|image| !listed.contains(*image));
        related_images.extend(further.map(|image| fbc::RelatedImage {
            name: String::new(),
            image: image.clone(),
        }));
        let mut bundle = fbc::Bundle {
            name: name.to_owned(),
            package: package.to_owned(),
            image: known.path.clone(),
            properties,
            related_images,
        };
        if shown == Shown::CsvMetadata {
            bundle
                .embed_csv_metadata()
                .map_err(RenderError::CsvMetadata)?;
        }
        Ok(bundle)
    }

    /// The properties in the tables, and the ones that dependencies become.
    fn declared(
        &self,
        package: &str,
        name: &str,
        version: &str,
    ) -> Result<Vec<fbc::Property>, String> {
        let mut properties = Vec::new();
        let (mut provided, mut identified) = (BTreeSet::new(), false);
        for (type_, value) in self.properties.get(name).into_iter().flatten() {
            if type_ == "olm.gvk" {
                provided.insert(texts(type_, value, ["group", "kind", "version"])?);
                continue;
            }
            identified |= type_ == fbc::PACKAGE;
            if !raw::values(value.as_bytes()).is_ok_and(|values| values.len() == 1) {
                return Err(format!("the value of its property `{type_}` is not JSON"));
            }
            properties.push(fbc::Property {
                type_: type_.clone(),
                value: Some(value.clone()),
            });
        }
        if !identified {
            properties.push(canonical::package(package, version, ""));
        }
        for [group, kind, version] in &provided {
            properties.push(canonical::gvk(group, kind, version));
        }
        for (type_, value) in self.dependencies.get(name).into_iter().flatten() {
            match type_.as_str() {
                "olm.gvk" => {
                    let [group, kind, version] = texts(type_, value, ["group", "kind", "version"])?;
                    properties.push(canonical::gvk_required(&group, &kind, &version));
                }
                "olm.package" => {
                    let [package, range] = texts(type_, value, ["packageName", "version"])?;
                    properties.push(canonical::package_required(&package, &range));
                }
                // The reference tool drops all others, constraints among them.
                _ => {}
            }
        }
        Ok(properties)
    }
}

/// Texts in a JSON object; empty where there is none.
fn texts<const N: usize>(
    type_: &str,
    value: &str,
    fields: [&str; N],
) -> Result<[String; N], String> {
    let value = raw::first(value.as_bytes())
        .map_err(|error| format!("the value of its `{type_}` is not JSON: {error}"))?;
    let value = json::lossy(value);
    let members = Part::new(&value).fields().unwrap_or_default();
    Ok(fields.map(|field| text_of(&members, field)))
}

/// A text in an object; empty if there is none.
fn text_of(members: &Fields<'_>, field: &str) -> String {
    let text = members.some(field).and_then(Part::string);
    text.unwrap_or_default().into_owned()
}

/// A text column, which old tools also stored as bytes; `None` for NULL.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
    })
}

/// The bundles that have all it takes; a row without version or path is skipped silently, as the reference tool does.
fn known(
    connection: &Connection,
    deprecated: &HashSet<&String>,
) -> Result<HashMap<String, Known>, RenderError> {
    let read = || {
        let mut found = BTreeMap::new();
        // The plus sign has SQLite scan the index that holds these columns: in the table they stand behind the manifests.
        let sql = "SELECT name, bundlepath, version FROM operatorbundle \
                   WHERE +name IN (SELECT operatorbundle_name FROM channel_entry)";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (Some(name), Some(path), Some(version)) =
                (text(row, 0)?, text(row, 1)?, text(row, 2)?)
            else {
                continue;
            };
            found.insert(name, Known { path, version });
        }
        Ok(found)
    };
    let mut known = HashMap::new();
    for (name, facts) in read().doing("reading bundles")? {
        if deprecated.contains(&name) {
            continue;
        }
        facts
            .version
            .parse::<Version>()
            .map_err(|error| RenderError::Bundle {
                bundle: name.clone(),
                reason: error.to_string(),
            })?;
        known.insert(name, facts);
    }
    Ok(known)
}

fn pairs(connection: &Connection, sql: &str) -> rusqlite::Result<HashMap<String, Pairs>> {
    let mut found: HashMap<String, Pairs> = HashMap::new();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Some(name), Some(type_), Some(value)) =
            (text(row, 0)?, text(row, 1)?, text(row, 2)?)
        {
            found.entry(name).or_default().insert((type_, value));
        }
    }
    Ok(found)
}

fn images(connection: &Connection) -> rusqlite::Result<HashMap<String, BTreeSet<String>>> {
    let mut found: HashMap<String, BTreeSet<String>> = HashMap::new();
    let sql = "SELECT operatorbundle_name, image FROM related_image";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Some(name), Some(image)) = (text(row, 0)?, text(row, 1)?) {
            found.entry(name).or_default().insert(image);
        }
    }
    Ok(found)
}

/// The manifests of a bundle as they are stored, and the range of versions it skips.
pub(super) fn large(connection: &Connection, name: &str) -> Result<Large, Error> {
    let read = || {
        let sql = "SELECT bundle, skiprange FROM operatorbundle WHERE name = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let large = statement.query_row([name], |row| {
            Ok(Large {
                manifests: bytes(row)?,
                skip_range: text(row, 1)?.unwrap_or_default(),
            })
        });
        Ok(large.optional()?.unwrap_or_default())
    };
    read().doing("reading the manifests of a bundle")
}

/// The first column, as it is stored; empty if it is no text.
fn bytes(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(0)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}

fn csv(connection: &Connection, name: &str) -> rusqlite::Result<Vec<u8>> {
    let sql = "SELECT csv FROM operatorbundle WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let csv = statement.query_row([name], bytes).optional()?;
    Ok(csv.unwrap_or_default())
}

fn is_csv(object: &Fields<'_>) -> bool {
    let kind = object.some("kind").and_then(Part::string);
    kind.as_deref() == Some("ClusterServiceVersion")
}

fn listed_images(csv: &Fields<'_>) -> Vec<fbc::RelatedImage> {
    let spec = csv.some("spec").and_then(Part::fields);
    let items = spec.and_then(|spec| spec.some("relatedImages")?.elements());
    let image = |item: Part<'_>| {
        let members = item.fields().unwrap_or_default();
        fbc::RelatedImage {
            name: text_of(&members, "name"),
            image: text_of(&members, "image"),
        }
    };
    items.into_iter().flatten().map(image).collect()
}

/// The icon in the CSV of a channel head; `None` if it has none, or one that is not base64.
pub(super) fn icon(connection: &Connection, head: &str) -> Result<Option<fbc::Icon>, RenderError> {
    let csv = csv(connection, head).doing("reading the CSV of a channel head")?;
    let csv = raw::first(&csv).map_err(|error| RenderError::Bundle {
        bundle: head.to_owned(),
        reason: format!(
            "it is the head of a default channel, whose CSV gives the package its icon, and its CSV is not JSON: {error}"
        ),
    })?;
    let csv = json::lossy(csv);
    let icons = Part::new(&csv).fields().and_then(|csv| {
        let spec = csv.some("spec")?.fields()?;
        spec.some("icon")?.elements()
    });
    let Some(icon) = icons.and_then(|icons| icons.first().copied()) else {
        return Ok(None);
    };
    let icon = icon.fields().unwrap_or_default();
    let mut data = text_of(&icon, "base64data");
    data.retain(|character| !matches!(character, ' ' | '\r' | '\n'));
    let decoded = STANDARD.decode(data).ok().filter(|bytes| !bytes.is_empty());
    Ok(decoded.map(|bytes| fbc::Icon {
        base64data: Some(STANDARD.encode(bytes)),
        mediatype: text_of(&icon, "mediatype"),
    }))
}
