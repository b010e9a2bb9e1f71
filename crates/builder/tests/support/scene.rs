//! The same inputs again and again: a registry's directory that is filled once and copied for every run.
//!
//! The name of the registry is always the same, whatever port it listens on, so that what is published can be compared by digest.

use std::collections::BTreeMap;
use std::path::Path;

use builder::BuilderConfig;
use oci::{ClientConfig, Credentials};
use registry::{Auth, Password};
use tempfile::TempDir;

use super::{World, serve};

/// The registry's name in pull specs.
const HOST: &str = "registry.test";

/// A registry's directory with inputs in it.
pub(crate) struct Scene {
    dir: TempDir,
}

impl Scene {
    /// Lets `fill` put the inputs into a registry that everybody may write to.
    pub(crate) async fn set(fill: impl AsyncFnOnce(&World)) -> Self {
        let world = raise(
            tempfile::tempdir().unwrap(),
            None,
            ClientConfig::default(),
            |_| {},
        )
        .await;
        fill(&world).await;
        let World { registry, dir, .. } = world;
        registry.shutdown().await.unwrap();
        Self { dir }
    }

    /// A registry of its own with these inputs, which wants tokens. `client` may say what it likes but who we are.
    pub(crate) async fn play(
        &self,
        client: ClientConfig,
        change: impl FnOnce(&mut BuilderConfig),
    ) -> World {
        let dir = tempfile::tempdir().unwrap();
        for part in ["blobs", "repositories"] {
            let part = Path::new("registry").join(part);
            samples::link_tree(&self.dir.path().join(&part), &dir.path().join(&part)).unwrap();
        }
        let users = BTreeMap::from([("service".to_owned(), Password::new("s"))]);
        let client = ClientConfig {
            credentials: Credentials::none().with(HOST, "service", "s".to_owned().into()),
            ..client
        };
        raise(dir, Some(Auth::Token(users)), client, change).await
    }
}

async fn raise(
    dir: TempDir,
    auth: Option<Auth>,
    mut client: ClientConfig,
    change: impl FnOnce(&mut BuilderConfig),
) -> World {
    let registry = serve(&dir, auth).await;
    let address = registry.addr().to_string().parse().unwrap();
    client.aliases.insert(HOST.parse().unwrap(), address);
    World::new(HOST.to_owned(), registry, client, dir, change)
}
