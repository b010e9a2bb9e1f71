//! Every kind of request on indexes of the packages `alpha` and `beta`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use builder::{
    Built, Checkpoint, ContentError, DeprecationsRequest, EmptyRequest, Error, GraphUpdateMode,
    IndexRequest, IndexSummary, MergeRequest, Merged, RemoveRequest, Removed,
};
use oci::{ImageName, PullSpec};
use samples::Bundle;

use super::files::FILE_BASED;
use super::{Observer, World};

/// Deprecations of `beta`.
pub(crate) const SCHEMA: &str = r#"{"schema":"olm.deprecations","package":"beta","entries":[{"reference":{"schema":"olm.package"},"message":"gone soon: grün"}]}"#;

/// A registry with the index images `iib-build:<tag>`, and what is asked of them.
pub(crate) struct Index {
    pub(crate) world: World,
}

impl Index {
    /// The binary image, and the SQLite index `iib-build:sqlite` with the packages `alpha` and `beta`.
    pub(crate) async fn start() -> Self {
        let world = World::open().await;
        samples::push_binary_image(&world.client, &world.repository("binary"), &["amd64"], 0)
            .await
            .unwrap();
        let index = Self { world };
        let bundles = [
            index.bundle("alpha", "1.0.0").await,
            index.bundle("beta", "1.0.0").await,
        ];
        index.add(None, &bundles, &[], "sqlite").await.unwrap();
        index
    }

    /// The same, and the file-based index `iib-build:files` with the same packages, both in its hidden database.
    pub(crate) async fn file_based() -> Self {
        let index = Self::start().await;
        index.empty("sqlite", true, "empty").await.unwrap();
        let bundles = [
            index.bundle("alpha", "1.0.0").await,
            index.bundle("beta", "1.0.0").await,
        ];
        index
            .add(Some("empty"), &bundles, &[], "files")
            .await
            .unwrap();
        index
    }

    pub(crate) async fn bundle(&self, package: &str, version: &str) -> PullSpec {
        self.world
            .bundle(&Bundle::simple(package, version, "stable", None))
            .await
    }

    pub(crate) fn request(&self, from: Option<&str>, tag: &str) -> IndexRequest {
        let mut index = self
            .world
            .request(self.world.name("none:latest"), tag)
            .index;
        index.from_index =
            from.map(|from| ImageName::Registry(self.world.name(&format!("iib-build:{from}"))));
        index
    }

    pub(crate) async fn add(
        &self,
        from: Option<&str>,
        bundles: &[PullSpec],
        deprecations: &[PullSpec],
        tag: &str,
    ) -> Result<Built, Error> {
        let mut request = self.world.request(self.world.name("none:latest"), tag);
        request.bundles = bundles.to_vec();
        request.deprecations = deprecations.to_vec();
        request.index = self.request(from, tag);
        let added = self.world.add(&request, &Observer::default()).await?;
        Ok(added.built)
    }

    pub(crate) async fn remove(
        &self,
        from: &str,
        packages: &[&str],
        tag: &str,
    ) -> Result<Removed, Error> {
        let request = RemoveRequest {
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            index: self.request(Some(from), tag),
        };
        self.world
            .builder
            .remove(&request, &Observer::default(), Checkpoint::default())
            .await
    }

    pub(crate) async fn empty(
        &self,
        from: &str,
        file_based: bool,
        tag: &str,
    ) -> Result<Built, Error> {
        let request = EmptyRequest {
            file_based,
            labels: BTreeMap::from([("com.example.made".to_owned(), "empty".to_owned())]),
            index: self.request(Some(from), tag),
        };
        self.world
            .builder
            .empty(&request, &Observer::default(), Checkpoint::default())
            .await
    }

    pub(crate) async fn deprecate(
        &self,
        from: &str,
        package: &str,
        schema: &str,
        tag: &str,
    ) -> Result<Built, Error> {
        let request = DeprecationsRequest {
            package: package.to_owned(),
            schema: schema.to_owned(),
            index: self.request(Some(from), tag),
        };
        self.world
            .builder
            .deprecate(&request, &Observer::default(), Checkpoint::default())
            .await
    }

    pub(crate) fn merging(&self, source: &str, target: Option<&str>, tag: &str) -> MergeRequest {
        MergeRequest {
            source: ImageName::Registry(self.world.name(&format!("iib-build:{source}"))),
            deprecations: Vec::new(),
            graph_update_mode: GraphUpdateMode::Replaces,
            ignore_bundle_ocp_version: true,
            requester: Some("merger".to_owned()),
            index: self.request(target, tag),
        }
    }

    /// Merges where `merger` may take bundles without a label of OCP versions as made for all.
    pub(crate) async fn merge(&self, request: &MergeRequest) -> Result<Merged, Error> {
        let mut config = self.world.builder.config().clone();
        config.no_ocp_label_allow_list = vec!["merger".to_owned()];
        let builder = self.world.builder.clone().with_config(config);
        builder
            .merge(request, &Observer::default(), Checkpoint::default())
            .await
    }

    /// A copy of the database of `iib-build:sqlite`, changed by `sql` as no engine would.
    pub(crate) async fn changed_database(&self, sql: &str) -> PathBuf {
        let name = ImageName::Registry(self.world.name("iib-build:sqlite"));
        let file = self.world.dir.path().join("changed.db");
        let read = self.world.builder.extract_database(&name, &file);
        read.await.unwrap();
        let database = rusqlite::Connection::open(&file).unwrap();
        let sql = format!("PRAGMA foreign_keys = OFF; {sql}");
        database.execute_batch(&sql).unwrap();
        file
    }

    /// Pushes `files`, and that database beside them, as the file-based index `iib-build:<tag>` of another tool.
    pub(crate) async fn push_foreign(&self, tag: &str, files: &[(String, String)], sql: &str) {
        let database = self.changed_database(sql).await;
        self.world
            .push_catalog("iib-build", tag, &[FILE_BASED], files, Some(&database))
            .await;
    }

    /// The error of a request for `iib-build:refused`, of which nothing was published. Its report has all of `parts`.
    pub(crate) async fn refused<T>(&self, done: Result<T, Error>, parts: &[&str]) -> Error {
        let Err(error) = done else {
            panic!("it is not refused for {parts:?}")
        };
        let report = error.report();
        for part in parts {
            assert!(report.contains(part), "`{part}` is not in: {report}");
        }
        let tags = self.world.tags("iib-build").await;
        let published = tags.iter().find(|tag| tag.as_str().starts_with("refused"));
        assert_eq!(published, None, "{report}");
        error
    }

    pub(crate) async fn look(&self, tag: &str) -> IndexSummary {
        let name = ImageName::Registry(self.world.name(&format!("iib-build:{tag}")));
        self.world.builder.inspect(&name).await.unwrap()
    }

    /// The catalog's file of a package.
    pub(crate) async fn catalog(&self, tag: &str, package: &str) -> String {
        let path = format!("/configs/{package}/catalog.json");
        self.file(tag, &path).await.unwrap()
    }

    /// A file in the image `tag`, if it is there.
    pub(crate) async fn file(&self, tag: &str, path: &str) -> Option<String> {
        let name = ImageName::Registry(self.world.name(&format!("iib-build:{tag}")));
        let repository = name.open(&self.world.client).await.unwrap();
        let raw = repository.manifest(&name.reference()).await.unwrap();
        let oci::Document::List(list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        let digest = &list.manifests[0].digest;
        let (manifest, _) = self.world.image("iib-build", digest).await;
        let to = tempfile::tempdir().unwrap();
        let file = to.path().join("found");
        oci::extract_file(&repository, &manifest, path, &file, &oci::Limits::index())
            .await
            .unwrap()
            .map(|_| std::fs::read_to_string(file).unwrap())
    }

    pub(crate) async fn packages(&self, tag: &str) -> Vec<String> {
        let packages = self.look(tag).await.catalog.packages;
        packages.into_iter().map(|package| package.name).collect()
    }

    pub(crate) async fn bundles(&self, tag: &str) -> Vec<String> {
        let bundles = self.look(tag).await.catalog.bundles;
        bundles.into_iter().map(|bundle| bundle.csv_name).collect()
    }
}

pub(crate) fn content<T>(done: Result<T, Error>) -> ContentError {
    match done {
        Err(Error::Content(error)) => error,
        Err(other) => panic!("{}", other.report()),
        Ok(_) => panic!("it is refused"),
    }
}

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
