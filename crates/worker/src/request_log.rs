//! One log file per request, fed from the tracing events of its span.
//!
//! Events go through a bounded channel to a thread of their own that owns the files: writing never blocks the runtime, and a log
//! that cannot be written or delivered never decides a request's outcome.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use files::{Files, Kind};
use tokio::sync::oneshot;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::run::report;

/// The name of the span that marks work on a request; its field `id` is the request's.
const SPAN: &str = "request";
/// Lines that may wait for the disk; more are dropped, and the drop is noted in the log.
const WAITING_LINES: usize = 4096;

/// The files of the requests that run.
#[derive(Debug)]
pub struct RequestLogs {
    sender: SyncSender<Message>,
    files: Files,
}

/// The tracing layer that feeds [`RequestLogs`].
#[derive(Debug)]
pub struct RequestLogLayer {
    sender: SyncSender<Message>,
    /// Lines that did not fit since the last one that did.
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line { id: i64, text: String },
    Close { id: i64, done: oneshot::Sender<()> },
}

impl RequestLogs {
    /// Logs to `<id>.log` in the directory that `files` has for logs, mode 0664, appending. The directory must exist.
    ///
    /// # Errors
    /// An I/O error when there is no such directory or the writing thread cannot be started.
    pub fn start(files: Files) -> std::io::Result<(Self, RequestLogLayer)> {
        let directory = files.directory(Kind::Log).ok_or_else(|| {
            let problem = "no directory is configured for the logs of requests";
            std::io::Error::new(std::io::ErrorKind::NotFound, problem)
        })?;
        let directory = directory.to_owned();
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("request-logs".to_owned())
            .spawn(move || write_lines(&directory, &receiver, &noted))?;
        let logs = Self {
            sender: sender.clone(),
            files,
        };
        Ok((logs, RequestLogLayer { sender, dropped }))
    }

    /// Prepares for lines of the request `id`: what another host logged for it comes first.
    pub async fn begin(&self, id: i64) {
        if let Err(error) = self.files.resume(Kind::Log, id).await {
            tracing::warn!(
                error = report(&error),
                "the log of request {id} begins anew: what was logged before is not at hand"
            );
        }
    }

    /// Takes everything logged for the request `id` so far to where it is read. Says whether it is there.
    ///
    /// Clients ask for the log as soon as the request has ended, so this comes before.
    pub async fn deliver(&self, id: i64) -> bool {
        self.close(id).await;
        let delivered = self.files.deliver(Kind::Log, id).await;
        if let Err(error) = &delivered {
            tracing::error!(
                error = report(error),
                "the log of request {id} stays on this host for now"
            );
        }
        delivered.is_ok()
    }

    /// Ends the log of the request `id`, whose end is recorded; `delivered` says whether [`Self::deliver`] worked.
    pub async fn end(&self, id: i64, delivered: bool) {
        self.close(id).await;
        if delivered && let Err(error) = self.files.forget_copy(Kind::Log, id).await {
            tracing::warn!(
                error = report(&error),
                "a copy of the log of request {id} stays"
            );
        }
    }

    /// Waits until everything logged for the request `id` is on disk, and closes its file.
    pub async fn close(&self, id: i64) {
        let (done, closed) = oneshot::channel();
        let sender = self.sender.clone();
        // The channel may be full for a moment: sending must not block the runtime.
        let sent =
            tokio::task::spawn_blocking(move || sender.send(Message::Close { id, done }).is_ok())
                .await;
        if matches!(sent, Ok(true)) && closed.await.is_err() {
            tracing::warn!("the log of request {id} was not closed properly");
        }
    }
}

fn write_lines(directory: &Path, receiver: &Receiver<Message>, dropped: &AtomicU64) {
    let mut files: HashMap<i64, Option<File>> = HashMap::new();
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Line { id, mut text } => {
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    text.insert_str(
                        0,
                        &format!("({lost} line(s) are missing: the disk was too slow)\n"),
                    );
                }
                let file = files.entry(id).or_insert_with(|| open(directory, id));
                // A full disk costs the log, not the request; the service's own log says so once per request.
                if let Some(open) = file
                    && let Err(error) = open.write_all(text.as_bytes())
                {
                    tracing::error!(%error, "the log of request {id} cannot be written");
                    *file = None;
                }
            }
            Message::Close { id, done } => {
                files.remove(&id);
                // Nobody waits any more when the caller was dropped.
                let _ = done.send(());
            }
        }
    }
}

fn open(directory: &Path, id: i64) -> Option<File> {
    let path = directory.join(Kind::Log.file_name(id));
    match OpenOptions::new().create(true).append(true).open(&path) {
        Ok(file) => {
            // Fails for a log that another user began: its mode is theirs to choose.
            let _ = file.set_permissions(Permissions::from_mode(files::MODE));
            Some(file)
        }
        Err(error) => {
            tracing::error!(%error, "the log `{}` cannot be opened", path.display());
            None
        }
    }
}

#[derive(Clone, Copy)]
struct RequestId(i64);

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for RequestLogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != SPAN {
            return;
        }
        let mut visitor = FindId(None);
        attributes.record(&mut visitor);
        if let (Some(request), Some(span)) = (visitor.0, context.span(id)) {
            span.extensions_mut().insert(RequestId(request));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() > Level::DEBUG {
            return;
        }
        let request = context.event_scope(event).and_then(|scope| {
            scope
                .into_iter()
                .find_map(|span| span.extensions().get::<RequestId>().copied())
        });
        if let Some(RequestId(id)) = request {
            let text = line(event);
            // A full channel drops the line: waiting here would block the runtime.
            if self.sender.try_send(Message::Line { id, text }).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn line(event: &Event<'_>) -> String {
    let mut visitor = Format {
        message: String::new(),
        fields: String::new(),
    };
    event.record(&mut visitor);
    let Format { message, fields } = visitor;
    format!(
        "{} {:5} {message}{fields}\n",
        jiff::Timestamp::now(),
        event.metadata().level()
    )
}

struct FindId(Option<i64>);

impl Visit for FindId {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "id" {
            self.0 = Some(value);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

struct Format {
    message: String,
    fields: String,
}

impl Visit for Format {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_lines_are_noted_before_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let (sender, receiver) = sync_channel(1);
        let text = "next\n".to_owned();
        sender.send(Message::Line { id: 7, text }).unwrap();
        drop(sender);
        write_lines(directory.path(), &receiver, &AtomicU64::new(3));
        let log = std::fs::read_to_string(directory.path().join("7.log")).unwrap();
        assert_eq!(
            log,
            "(3 line(s) are missing: the disk was too slow)\nnext\n"
        );
    }
}
