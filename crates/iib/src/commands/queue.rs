//! `iib queue`: dead letters of the broker, and what is paused.

use anyhow::{Context as _, bail};
use queue::{Broker, DeadLetter, DeadLetters};
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::cli::queue::{ChosenArgs, ConfigArgs, LsArgs, QueueCommand, Which};
use crate::commands::queue_pause;
use crate::config::Config;
use crate::{broker, terminal};

/// Runs the command. Interrupted at any point, a dead letter is in its queue still, or where it should go, or both.
pub(crate) async fn run(command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::Ls(args) => ls(&args).await,
        QueueCommand::Retry(args) => retry(&args).await,
        QueueCommand::Drop(args) => remove(&args).await,
        QueueCommand::Pause(args) => queue_pause::pause(&args).await,
        QueueCommand::Resume(args) => queue_pause::resume(&args).await,
        QueueCommand::Pauses(args) => queue_pause::list(&args).await,
    }
}

async fn ls(args: &LsArgs) -> anyhow::Result<()> {
    let letters = open(&args.config).await?;
    match args.output {
        OutputFormat::Json => {
            let letters: Vec<Value> = letters.letters().map(as_json).collect();
            terminal::print(&json!({ "dead_letters": letters }).to_string());
        }
        OutputFormat::Text if letters.letters().next().is_none() => {
            terminal::print("no dead letters");
        }
        OutputFormat::Text => {
            for DeadLetter {
                request_id,
                queue,
                reason,
            } in letters.letters()
            {
                let request = match request_id {
                    Some(id) => format!("request {id}"),
                    None => "unreadable".to_owned(),
                };
                terminal::print(&format!("{request:<16} {queue}  {reason}"));
            }
        }
    }
    Ok(())
}

fn as_json(letter: &DeadLetter) -> Value {
    json!({
        "request_id": letter.request_id,
        "queue": letter.queue,
        "reason": letter.reason,
    })
}

async fn retry(args: &ChosenArgs) -> anyhow::Result<()> {
    let mut letters = open_for(args).await?;
    let retried = letters
        .retry(chosen(&args.which))
        .await
        .context("not every dead letter could be put into its queue again")?;
    let left = letters
        .letters()
        .filter(|letter| args.which.all && letter.request_id.is_none());
    let unreadable = left.count();
    match args.output {
        OutputFormat::Json => {
            terminal::print(&json!({ "retried": retried, "unreadable": unreadable }).to_string());
        }
        OutputFormat::Text => {
            let ids: Vec<String> = retried.iter().map(ToString::to_string).collect();
            let ids = ids.join(", ");
            terminal::print(&match retried.len() {
                0 => "nothing to retry".to_owned(),
                count => format!("{count} in their queues again: {ids}"),
            });
            if unreadable > 0 {
                terminal::print(&format!(
                    "{unreadable} cannot be read and stay; remove them with `iib queue drop --all`"
                ));
            }
        }
    }
    Ok(())
}

async fn remove(args: &ChosenArgs) -> anyhow::Result<()> {
    let mut letters = open_for(args).await?;
    let dropped = letters
        .drop_those(chosen(&args.which))
        .await
        .context("not every dead letter could be removed")?;
    match args.output {
        OutputFormat::Json => terminal::print(&json!({ "dropped": dropped }).to_string()),
        OutputFormat::Text => terminal::print(&format!("{dropped} removed")),
    }
    Ok(())
}

fn chosen(which: &Which) -> impl Fn(&DeadLetter) -> bool {
    |letter| which.all || letter.request_id.is_some_and(|id| which.ids.contains(&id))
}

/// The dead letters, if all that are named are among them: whoever names a request that has none is mistaken, and should know before anything is done.
async fn open_for(args: &ChosenArgs) -> anyhow::Result<DeadLetters> {
    let letters = open(&args.config).await?;
    let ids = args.which.ids.iter();
    let missing: Vec<String> = ids
        .filter(|id| {
            !letters
                .letters()
                .any(|letter| letter.request_id == Some(**id))
        })
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() {
        return Ok(letters);
    }
    bail!(
        "there are no dead letters about {}; `iib queue ls` lists those there are",
        missing.join(", ")
    )
}

async fn open(args: &ConfigArgs) -> anyhow::Result<DeadLetters> {
    let broker = configured(args)?;
    DeadLetters::open(&broker)
        .await
        .context("the dead letters cannot be read")
}

fn configured(args: &ConfigArgs) -> anyhow::Result<Broker> {
    let config = Config::read(Some(&args.config))?;
    broker::configured(&config.queues)?.with_context(|| {
        format!(
            "the configuration `{}` names no broker; set `queues.broker`",
            args.config.display()
        )
    })
}
