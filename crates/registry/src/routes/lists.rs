//! Listing repositories and tags, page by page.

use http::Response;
use http::header::LINK;
use serde_json::json;

use super::{Call, Registry};
use crate::name::RepositoryName;
use crate::reply::{self, Body, Code, Refusal};
use crate::request::Query;

impl Registry {
    pub(super) async fn list_repositories(
        &self,
        call: &Call<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let all = self.on_disk(super::Storage::list_repositories).await?;
        let page = Page::of(all, call.query)?;
        let builder = page.link(Response::builder(), "/v2/_catalog");
        reply::json(builder, &json!({ "repositories": page.names }))
    }

    pub(super) async fn list_tags(
        &self,
        name: RepositoryName,
        call: &Call<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let repository = name.clone();
        let all = self
            .on_disk(move |storage| storage.list_tags(&repository))
            .await?;
        let all = all.ok_or_else(|| {
            Refusal::new(
                Code::NameUnknown,
                format!("there is no repository `{name}`"),
            )
        })?;
        let page = Page::of(all, call.query)?;
        let builder = page.link(Response::builder(), &format!("/v2/{name}/tags/list"));
        reply::json(
            builder,
            &json!({ "name": name.as_str(), "tags": page.names }),
        )
    }
}

/// A part of a sorted list.
#[derive(Debug)]
struct Page {
    names: Vec<String>,
    /// The query of the next page, when there is one.
    next: Option<String>,
}

impl Page {
    /// What follows `last`, at most `n` names of it.
    fn of(mut names: Vec<String>, query: &Query) -> Result<Self, Refusal> {
        if let Some(last) = query.get("last") {
            names.drain(..names.partition_point(|name| name.as_str() <= last));
        }
        let Some(n) = query.get("n") else {
            return Ok(Self { names, next: None });
        };
        let n: usize = n.parse().map_err(|_| {
            Refusal::new(
                Code::PaginationNumberInvalid,
                "`n` must be a number of names to list, 0 or more",
            )
        })?;
        let more = names.len() > n;
        names.truncate(n);
        let next = names.last().filter(|_| more).map(|last| {
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("last", last)
                .append_pair("n", &n.to_string())
                .finish()
        });
        Ok(Self { names, next })
    }

    /// Adds the `Link` to the next page (RFC 8288).
    fn link(&self, builder: http::response::Builder, path: &str) -> http::response::Builder {
        match &self.next {
            Some(next) => builder.header(LINK, format!("<{path}?{next}>; rel=\"next\"")),
            None => builder,
        }
    }
}
