//! Waiting for a request with its steps on standard error.

use client::{Client, News, Request};

use crate::terminal;

/// Whether lines of the log are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logs {
    Shown,
    Left,
}

/// Shows the steps of a request until it has ended.
pub(super) async fn until_ended(
    client: &Client,
    id: i64,
    logs: Logs,
) -> Result<Request, client::Error> {
    let spinner = terminal::spinner();
    spinner.set_message(format!("request {id}"));
    let tell = |news| {
        let line = match news {
            News::Step(step) => {
                spinner.set_message(format!("request {id}: {}", step.state_reason));
                format!("  {:<12} {}", step.state.name(), step.state_reason)
            }
            News::Log(line) if logs == Logs::Shown => format!("  {line}"),
            News::Log(_) => return,
        };
        // A hidden bar would swallow the line.
        if spinner.is_hidden() {
            terminal::complain(&line);
        } else {
            spinner.println(line);
        }
    };
    let request = client.follow(id, tell).await;
    spinner.finish_and_clear();
    request
}
