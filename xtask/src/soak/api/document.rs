//! Which answers the service's own OpenAPI document has.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

/// The statuses by operation.
pub(super) struct Document(BTreeMap<String, BTreeSet<u16>>);

impl Document {
    /// Asks the service for it.
    pub(super) async fn read(url: &str) -> anyhow::Result<Self> {
        let address = format!("{url}/api/v1/openapi.json");
        let answer = reqwest::get(address).await?.error_for_status()?;
        Self::parse(&answer.json().await?)
    }

    fn parse(document: &Value) -> anyhow::Result<Self> {
        let paths = document["paths"]
            .as_object()
            .context("the document has no paths")?;
        let mut all = BTreeMap::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let answers = operation["responses"].as_object();
                let statuses = answers
                    .into_iter()
                    .flat_map(|answers| answers.keys())
                    .filter_map(|status| status.parse().ok())
                    .collect();
                all.insert(format!("{} {path}", method.to_uppercase()), statuses);
            }
        }
        Ok(Self(all))
    }

    /// Whether an operation, such as `GET /api/v1/builds/{id}`, may be answered so.
    pub(super) fn has(&self, operation: &str, status: u16) -> bool {
        let statuses = self.0.get(operation);
        statuses.is_some_and(|statuses| statuses.contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Document;

    #[test]
    fn statuses_belong_to_an_operation() {
        let document = json!({"paths": {"/a/{id}": {
            "get": {"responses": {"200": {}, "404": {}}},
            "post": {"responses": {"201": {}}},
        }}});
        let document = Document::parse(&document).unwrap();
        assert!(document.has("GET /a/{id}", 404));
        assert!(!document.has("POST /a/{id}", 404));
        assert!(!document.has("GET /a/7", 200));
    }
}
