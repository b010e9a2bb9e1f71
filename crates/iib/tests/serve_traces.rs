//! Traces: one from the HTTP request over the job to the calls to registries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use samples::Bundle;
use serde_json::json;
use support::World;
use support::service::Setup;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A collector: takes what is sent to `/v1/traces`.
struct Collector {
    endpoint: String,
    exports: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let exports = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&exports);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(collect(stream, Arc::clone(&kept)));
            }
        });
        Self { endpoint, exports }
    }

    fn spans(&self) -> Vec<Span> {
        let exports = self.exports.lock().unwrap();
        exports
            .iter()
            .flat_map(|export| &export.resource_spans)
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }

    fn service_names(&self) -> Vec<String> {
        let exports = self.exports.lock().unwrap();
        let resources = exports.iter().flat_map(|export| &export.resource_spans);
        resources
            .flat_map(|resource| &resource.resource.as_ref().unwrap().attributes)
            .filter(|attribute| attribute.key == "service.name")
            .map(|attribute| format!("{:?}", attribute.value))
            .collect()
    }
}

/// Answers the requests of one connection.
async fn collect(stream: TcpStream, exports: Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap() == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let export = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        exports.lock().unwrap().push(export);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_from_the_caller_over_the_job_to_the_registry() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let collector = Collector::start().await;
    let more = format!("[telemetry]\notlp_endpoint = \"{}\"", collector.endpoint);
    let environment = vec![("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned())];
    let service = Setup::with(&world, &more, environment).start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let bundle = format!("{}/bundles/alpha:v1.0.0", world.host);
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(service.url("builds/add"))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .json(&json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]}))
        .send()
        .await
        .unwrap();
    let request: serde_json::Value = answer.json().await.unwrap();
    let ended = service.ended(request["id"].as_i64().unwrap()).await;
    assert_eq!(ended["state"], "complete", "{ended}");
    // What waits is sent at the end.
    assert_eq!(service.terminate().await, Some(0));

    let spans = collector.spans();
    let in_trace: Vec<&Span> = spans
        .iter()
        .filter(|span| hex::encode(&span.trace_id) == trace)
        .collect();
    let of = |name: &str| -> Vec<&Span> {
        let named = in_trace.iter().copied();
        named.filter(|span| span.name == name).collect()
    };
    let (http, jobs, registry) = (of("http"), of("request"), of("registry"));
    assert_eq!((http.len(), jobs.len()), (1, 1), "{in_trace:?}");
    assert_eq!(hex::encode(&http[0].parent_span_id), "b7ad6b7169203331");
    assert_eq!(jobs[0].parent_span_id, http[0].span_id);
    assert!(registry.len() > 5, "{in_trace:?}");
    assert!(
        spans
            .iter()
            .any(|span| span.name == "http" && hex::encode(&span.trace_id) != trace),
        "callers without a trace begin one of their own"
    );
    for name in collector.service_names() {
        assert!(name.contains("\"iib\""), "{name}");
    }
}
