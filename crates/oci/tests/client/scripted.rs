//! A registry by script: each request is shown to a function, which says the answer.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request as the script sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `METHOD /path?query`.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    /// `Content-Range`.
    pub(crate) range: Option<String>,
    pub(crate) body: String,
}

/// An answer: status, headers, body.
pub(crate) struct Answer(
    pub(crate) u16,
    pub(crate) Vec<(&'static str, String)>,
    pub(crate) Vec<u8>,
);

pub(crate) struct Scripted {
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    // Dropping it stops the server.
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Starts a server that answers as `script` says, given its own address and the request.
    pub(crate) async fn start(
        script: impl Fn(&str, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let mut tasks = JoinSet::new();
        let (own, log) = (host.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (own, log, script) = (own.clone(), Arc::clone(&log), Arc::clone(&script));
                connections.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream).await {
                        let answer = script(&own, &request);
                        let head = request.line.starts_with("HEAD ");
                        log.lock().unwrap().push(request);
                        write(stream.get_mut(), &answer, head).await;
                    }
                });
            }
        });
        Self {
            host,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads one request; nothing when the client is gone.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let line = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut seen = Seen {
        line,
        authorization: None,
        range: None,
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => seen.authorization = Some(value.to_owned()),
            "content-range" => seen.range = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    Some(seen)
}

async fn write(stream: &mut TcpStream, answer: &Answer, head: bool) {
    let Answer(status, headers, body) = answer;
    let announced = headers.iter().any(|(name, _)| *name == "content-length");
    let length = (!announced).then(|| ("content-length", body.len().to_string()));
    let mut lines = vec![format!("HTTP/1.1 {status} Scripted")];
    lines.extend(
        headers
            .iter()
            .chain(&length)
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let mut bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    if !head {
        bytes.extend_from_slice(body);
    }
    // The client may have gone away; then it does not want the answer.
    let _ = stream.write_all(&bytes).await;
}
