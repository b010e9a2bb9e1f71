//! One add through the REST API, as any client does it.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;

use crate::commands::quickstart::Inputs;
use crate::terminal;

const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_mins(2);

/// The part of a request's representation that is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: i64,
    pub(crate) state: String,
    pub(crate) state_reason: String,
    pub(crate) index_image: Option<String>,
    pub(crate) index_image_resolved: Option<String>,
    pub(crate) state_history: Vec<HistoryEntry>,
}

/// A step of a request, newest first in its history.
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryEntry {
    pub(crate) state: String,
    pub(crate) state_reason: String,
}

/// Submits an add of all samples and shows its steps until it has ended well.
pub(crate) async fn add(api: SocketAddr, inputs: &Inputs) -> anyhow::Result<Request> {
    let client = Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .context("the HTTP client could not be made")?;
    let url = format!("http://{api}/api/v1/builds");
    let body = json!({
        "bundles": inputs.bundles,
        "binary_image": inputs.binary_image,
        "add_arches": samples::ARCHES,
        "build_tags": ["quickstart"],
    });
    let answer = client
        .post(format!("{url}/add"))
        .json(&body)
        .send()
        .await
        .context("the request could not be submitted")?;
    let status = answer.status();
    let text = answer
        .text()
        .await
        .context("the answer could not be read")?;
    if !status.is_success() {
        bail!("the request was refused ({status}): {text}");
    }
    let submitted: Request = serde_json::from_str(&text).context("the answer is not understood")?;
    terminal::complain(&format!("request    {url}/{}", submitted.id));
    follow(&client, &format!("{url}/{}", submitted.id)).await
}

async fn follow(client: &Client, url: &str) -> anyhow::Result<Request> {
    let spinner = std::io::stderr()
        .is_terminal()
        .then(ProgressBar::new_spinner);
    let started = Instant::now();
    let mut shown = 0;
    loop {
        let request: Request = client
            .get(url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .context("the request could not be read")?
            .json()
            .await
            .context("the answer is not understood")?;
        let new = request.state_history.len().saturating_sub(shown);
        for entry in request.state_history.iter().take(new).rev() {
            let line = format!("  {:<12} {}", entry.state, entry.state_reason);
            match &spinner {
                Some(spinner) => spinner.println(line),
                None => terminal::complain(&line),
            }
        }
        shown = request.state_history.len();
        match request.state.as_str() {
            "complete" => return Ok(request),
            "failed" => bail!("the request failed: {}", request.state_reason),
            _ if started.elapsed() > PATIENCE => {
                bail!(
                    "the request has not ended within {} s; its state is: {}",
                    PATIENCE.as_secs(),
                    request.state_reason
                )
            }
            _ => {
                if let Some(spinner) = &spinner {
                    spinner.tick();
                }
                tokio::time::sleep(POLL).await;
            }
        }
    }
}
