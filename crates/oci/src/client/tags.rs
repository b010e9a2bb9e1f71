//! Tags: listed page by page (distribution specification, end-8).

use std::collections::BTreeSet;

use http::header::LINK;
use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::operation::{Access, Operation};
use super::reply::Reply;
use super::repository::RemoteRepository;
use super::retry::Budget;
use super::transport::Request;
use crate::error::Error;
use crate::reference::Tag;

const PAGE: &str = "1000";
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Ten million tags; a registry that still has a next page then goes round in circles.
const MAX_PAGES: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    /// Some registries write `null` for none.
    tags: Option<Vec<String>>,
}

impl RemoteRepository {
    /// All tags, sorted. Names that are no tags by the specification are left out: nothing could be asked for by them.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`] when there is no such repository.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let what = format!("listing the tags of `{}`", self.name);
        let operation = self.operation("tags.list", what, Access::pull(self.name.path()))?;
        let mut url = self.url(&operation, "tags/list");
        url.query_pairs_mut().append_pair("n", PAGE);
        let mut tags = BTreeSet::new();
        let mut budget = self.budget();
        for _ in 0..MAX_PAGES {
            let (page, next) = self.tags_page(&operation, url, &mut budget).await?;
            for text in page.tags.unwrap_or_default() {
                match text.parse() {
                    Ok(tag) => {
                        tags.insert(tag);
                    }
                    Err(_) => {
                        tracing::warn!(repository = %self.name, tag = %text, "not a tag, left out");
                    }
                }
            }
            match next {
                Some(next) => url = next,
                None => return Ok(tags.into_iter().collect()),
            }
        }
        Err(operation.protocol(format!("its list of tags has more than {MAX_PAGES} pages")))
    }

    async fn tags_page(
        &self,
        operation: &Operation,
        url: Url,
        budget: &mut Budget,
    ) -> Result<(Page, Option<Url>), Error> {
        let request = Request::new(Method::GET, url);
        loop {
            match self.tags_page_once(operation, &request).await {
                Ok(page) => return Ok(page),
                Err(error) => budget.again(error).await?,
            }
        }
    }

    async fn tags_page_once(
        &self,
        operation: &Operation,
        request: &Request,
    ) -> Result<(Page, Option<Url>), Error> {
        let reply = self.client.send(operation, request).await?;
        match reply.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(Error::RepositoryUnknown {
                    repository: self.name.clone(),
                });
            }
            _ => return Err(reply.into_error(operation).await),
        }
        let next = next_of(&reply)
            .map(|link| operation.follow(&request.url, link, &self.client.transport.config))
            .transpose()?;
        let body = reply.bytes(operation, MAX_PAGE_BYTES).await?;
        let page = serde_json::from_slice(&body)
            .map_err(|_| operation.protocol("its list of tags is not the JSON specified"))?;
        Ok((page, next))
    }
}

fn next_of(reply: &Reply) -> Option<&str> {
    next_link(reply.header(LINK)?)
}

/// The target marked `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let is_next = after[..end].split([';', ',']).any(|parameter| {
            let parameter = parameter.replace(' ', "").to_ascii_lowercase();
            matches!(parameter.as_str(), "rel=next" | "rel=\"next\"")
        });
        if is_next {
            return Some(target);
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, next) in [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            ("<x>;rel=next", Some("x")),
            (
                r#"<p>; rel="prev", <n,1>; title="t"; REL="next""#,
                Some("n,1"),
            ),
            (r#"<p>; rel="prev""#, None),
            ("nonsense", None),
            ("<open", None),
        ] {
            assert_eq!(next_link(header), next, "{header}");
        }
    }
}
