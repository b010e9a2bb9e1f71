//! The calls, one by one.

use api::batch::BatchKind;
use api::report::Report;
use api::{RequestType, State};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::error::Error;
use crate::request::{Page, Request};
use crate::submission::{Batch, Submission};
use crate::transport::{Call, Client};

/// Which requests a list has.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// The page, from 1; none is the first.
    pub page: Option<u64>,
    /// How many a page holds; none leaves it to the service.
    pub per_page: Option<u64>,
    /// Those in this state.
    pub state: Option<State>,
    /// Those of this type.
    pub request_type: Option<RequestType>,
    /// Those of this batch.
    pub batch: Option<u64>,
    /// Those of this user.
    pub user: Option<String>,
    /// Those that start from this index image.
    pub from_index: Option<String>,
    /// Those that built this index image.
    pub index_image: Option<String>,
    /// Whether histories come with it.
    pub verbose: bool,
}

impl ListQuery {
    fn apply(&self, url: &mut Url) {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let pairs = [
            ("page", number(self.page)),
            ("per_page", number(self.per_page)),
            ("state", self.state.map(|state| state.name().to_owned())),
            (
                "request_type",
                self.request_type.map(|kind| kind.name().to_owned()),
            ),
            ("batch", number(self.batch)),
            ("user", self.user.clone()),
            ("from_index", self.from_index.clone()),
            ("index_image", self.index_image.clone()),
            ("verbose", self.verbose.then(|| "true".to_owned())),
        ];
        let mut query = url.query_pairs_mut();
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
    }
}

impl Client {
    /// Submits a request, with a key of its own.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::OutcomeUnknown`] when the answer got lost and the service would not know the submit again.
    pub async fn submit(&self, submission: &Submission) -> Result<Request, Error> {
        self.json(self.post(submission.request_type().name(), submission)?)
            .await
    }

    /// Submits several requests at once, with a key of their own; the answer is in the order given.
    ///
    /// # Errors
    /// As for [`Client::submit`].
    pub async fn submit_batch(
        &self,
        kind: BatchKind,
        batch: &Batch,
    ) -> Result<Vec<Request>, Error> {
        self.json(self.post(kind.name(), batch)?).await
    }

    fn post(&self, name: &str, body: &impl Serialize) -> Result<Call, Error> {
        Ok(Call {
            method: Method::POST,
            url: self.config.server.join(&format!("builds/{name}")),
            body: Some(serde_json::to_value(body).map_err(Error::Payload)?),
            key: Some(Uuid::new_v4().to_string()),
        })
    }

    /// A request in its verbose form.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::OutcomeUnknown`].
    pub async fn show(&self, id: i64) -> Result<Request, Error> {
        self.json(Call::get(self.config.server.join(&format!("builds/{id}"))))
            .await
    }

    /// One page of the requests that the service has.
    ///
    /// # Errors
    /// As for [`Client::show`].
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        let mut url = self.config.server.join("builds");
        query.apply(&mut url);
        self.json(Call::get(url)).await
    }

    /// What a request logged. Logs are text; what is no UTF-8 in them is replaced.
    ///
    /// # Errors
    /// As for [`Client::show`].
    pub async fn logs(&self, id: i64) -> Result<String, Error> {
        let url = self.config.server.join(&format!("builds/{id}/logs"));
        let (_, bytes) = self.bytes(Call::get(url)).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What a finished request changed and took; none where the service has no report on it.
    ///
    /// # Errors
    /// As for [`Client::show`].
    pub async fn report(&self, id: i64) -> Result<Option<Report>, Error> {
        let url = self.config.server.join(&format!("builds/{id}/report"));
        match self.json(Call::get(url)).await {
            Ok(report) => Ok(Some(report)),
            // Not finished, expired, of another service, or a service without reports.
            Err(Error::Refused(complaint)) if matches!(complaint.status, 400 | 404 | 405 | 410) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Cancels a request that has not ended; services that cannot do so answer 404 or 405.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn cancel(&self, id: i64) -> Result<Request, Error> {
        self.json(Call {
            method: Method::POST,
            url: self.config.server.join(&format!("builds/{id}/cancel")),
            body: Some(Value::Object(serde_json::Map::new())),
            key: None,
        })
        .await
    }
}
