//! `GET /`: a page for people who open the service in a browser.

use axum::response::Html;

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>iib</title></head>
<body>
<h1>iib: index image builder</h1>
<p>This service keeps operator index images up to date. It speaks JSON under <code>/api/v1</code>.</p>
<table>
<tr><th>Request</th><th>Answer</th></tr>
<tr><td><code>POST /api/v1/builds/add</code></td><td>accepts a request to add bundles to an index image</td></tr>
<tr><td><code><a href="/api/v1/builds">GET /api/v1/builds</a></code></td><td>lists requests; narrow it with
<code>state</code>, <code>request_type</code>, <code>batch</code>, <code>user</code>, <code>from_index</code>,
<code>from_index_startswith</code>, <code>index_image</code>; shape it with <code>page</code>, <code>per_page</code>, <code>verbose</code></td></tr>
<tr><td><code>GET /api/v1/builds/{id}</code></td><td>shows one request</td></tr>
<tr><td><code>GET /api/v1/builds/{id}/logs</code></td><td>shows what a finished request logged</td></tr>
<tr><td><code><a href="/api/v1/healthcheck">GET /api/v1/healthcheck</a></code></td><td>tells whether the service works</td></tr>
</table>
</body>
</html>
"#;

pub(crate) async fn show() -> Html<&'static str> {
    Html(PAGE)
}
