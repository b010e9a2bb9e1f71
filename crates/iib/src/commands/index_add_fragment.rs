//! `iib index add-fragment`: the request for catalog fragments without a service.

use builder::{Checkpoint, FragmentsRequest};
use serde_json::{Value, json};

use super::index_build::{self, Workshop};
use crate::cli::{IndexAddFragmentArgs, OutputFormat};
use crate::{WrongUsage, terminal};

/// Puts the packages in and prints what was made.
pub(crate) async fn run(args: IndexAddFragmentArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, Some(&args.from_index)).await?;
    let request = FragmentsRequest {
        fragments: args.fragments,
        index: index_build::index_request(Some(args.from_index), args.build).map_err(WrongUsage)?,
    };
    let (added, output) = workshop
        .finish(async |builder, progress| {
            builder
                .add_fragments(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    terminal::print(&match output {
        OutputFormat::Text => {
            let packages = format!("packages   {}", added.packages.join(", "));
            index_build::describe(&added.built, vec![packages])
        }
        OutputFormat::Json => {
            let mut fields = index_build::to_json(&added.built);
            fields.insert("packages".to_owned(), json!(added.packages));
            Value::Object(fields).to_string()
        }
    });
    Ok(())
}
