//! Images of registries and OCI layouts.

use std::time::Duration;

use builder::Databases;
use catalog::Profile;
use oci::ImageName;

use super::{COPY, Content, Database, Directory};
use crate::cli::RegistryArgs;
use crate::{registries, terminal};

/// How often the number of bytes read is shown.
const REFRESH: Duration = Duration::from_millis(250);

/// Reads what the image holds, into a private directory where that is files.
pub(super) async fn open(
    name: &ImageName,
    args: &RegistryArgs,
    profile: Profile,
) -> anyhow::Result<Content> {
    let databases = if profile.reads_databases {
        Databases::First
    } else {
        Databases::Last
    };
    let (builder, work) = registries::builder(args, None)?;
    let path = work.path().join(COPY);
    let read = {
        let reading = builder.read_content(name, databases, &path);
        tokio::pin!(reading);
        let bar = terminal::spinner();
        let mut ticks = tokio::time::interval(REFRESH);
        loop {
            tokio::select! {
                read = &mut reading => break read,
                _ = ticks.tick() => {
                    let bytes = terminal::bytes(builder.client().usage().bytes_read);
                    bar.set_message(format!("reading `{name}`: {bytes}"));
                }
            }
        }
    };
    let content = read.map_err(|error| anyhow::anyhow!(error.report()))?;
    Ok(match content {
        builder::Content::Database => Content::Database(Database {
            path,
            _work: Some(work),
        }),
        builder::Content::Catalog => Content::Directory(Directory {
            path,
            work: Some(work),
        }),
        builder::Content::Bundle(bundle) => Content::Bundle(bundle),
    })
}
