//! `iib request`: asking a service for work, and following it.

mod connect;
mod print;
mod report;
mod submit;
mod wait;

use anyhow::bail;
use api::State;
use api::batch::BatchKind;
use client::ListQuery;

use crate::cli::OutputFormat;
use crate::cli::request::{ListArgs, OneArgs, RequestCommand, WatchArgs};
use crate::{service, terminal};

/// Does one of the commands. Being interrupted stops the waiting, not the request.
pub(crate) async fn run(command: RequestCommand) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    tokio::select! {
        done = dispatch(command) => done,
        () = asked_to_end => bail!("interrupted; what was submitted goes on, see `iib request list`"),
    }
}

async fn dispatch(command: RequestCommand) -> anyhow::Result<()> {
    use RequestCommand as C;
    match command {
        C::Add(args) => submit::add(*args).await,
        C::Rm(args) => submit::rm(*args).await,
        C::RegenerateBundle(args) => submit::regenerate_bundle(*args).await,
        C::MergeIndexImage(args) => submit::merge_index_image(*args).await,
        C::CreateEmptyIndex(args) => submit::create_empty_index(*args).await,
        C::RecursiveRelatedBundles(args) => submit::recursive_related_bundles(*args).await,
        C::FbcOperations(args) => submit::fbc_operations(*args).await,
        C::AddDeprecations(args) => submit::add_deprecations(*args).await,
        C::AddRmBatch(args) => submit::batch(BatchKind::AddRm, args).await,
        C::RegenerateBundleBatch(args) => submit::batch(BatchKind::RegenerateBundle, args).await,
        C::Get(args) => get(args).await,
        C::List(args) => list(args).await,
        C::Logs(args) => {
            let client = connect::client(&args.service).await?;
            terminal::print(client.logs(args.id).await?.trim_end_matches('\n'));
            Ok(())
        }
        C::Watch(args) => watch(args).await,
        C::Cancel(args) => cancel(args).await,
    }
}

async fn get(args: OneArgs) -> anyhow::Result<()> {
    let client = connect::client(&args.service).await?;
    let mut request = client.show(args.id).await?;
    let report = match request.state {
        State::InProgress => None,
        State::Complete | State::Failed => client.report(args.id).await?,
    };
    match args.output {
        OutputFormat::Json => {
            if let Some(report) = report {
                let report = serde_json::to_value(report)?;
                request.json.insert("report".to_owned(), report);
            }
            print::request(&request, args.output)
        }
        OutputFormat::Text => {
            print::request(&request, args.output)?;
            if let Some(report) = report {
                terminal::print(&report::describe(&report));
            }
            Ok(())
        }
    }
}

async fn cancel(args: OneArgs) -> anyhow::Result<()> {
    let client = connect::client(&args.service).await?;
    print::request(&client.cancel(args.id).await?, args.output)
}

async fn watch(args: WatchArgs) -> anyhow::Result<()> {
    let client = connect::client(&args.one.service).await?;
    let logs = if args.logs {
        wait::Logs::Shown
    } else {
        wait::Logs::Left
    };
    let request = wait::until_ended(&client, args.one.id, logs).await?;
    print::ended(&[request], args.one.output)
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = connect::client(&args.service).await?;
    let query = ListQuery {
        page: Some(args.page),
        per_page: args.per_page,
        state: args.state,
        request_type: args.request_type,
        batch: args.batch,
        user: args.user,
        from_index: args.from_index,
        index_image: args.index_image,
        // In the short form answers are smaller; JSON is for programs, which get everything.
        verbose: args.output == OutputFormat::Json,
    };
    print::page(&client.list(&query).await?, args.output)
}
