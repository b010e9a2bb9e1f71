//! `GET builds` (section 5.2).

use api::{Meta, ProblemCode, Rendered, RequestType, State as RequestState};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::{Form, ListFilter, Page, Stretch};
use url::form_urlencoded;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::endpoint::artefacts;
use crate::endpoint::cursor::Cursor;
use crate::router::App;

/// The size of a page nobody asked for, before the service's limit.
const DEFAULT_PER_PAGE: u64 = 20;

/// The parameters that narrow a list, in the order in which links repeat them.
const FILTERS: [&str; 7] = [
    "state",
    "request_type",
    "batch",
    "user",
    "from_index",
    "from_index_startswith",
    "index_image",
];

#[derive(Serialize)]
struct Answer<'a> {
    items: Vec<Rendered<'a>>,
    meta: Meta,
}

pub(crate) async fn list(
    State(app): State<App>,
    base: BaseUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    let cursor = query.cursor()?;
    let page = query.page(app.config().max_per_page)?;
    let filter = query.filter()?;
    let listing = match cursor {
        None => app.store.list(&filter, page).await?,
        Some(cursor) => {
            let stretch = Stretch {
                below: cursor.below,
                limit: page.per_page,
                form: page.form,
            };
            app.store.list_below(&filter, stretch).await?
        }
    };
    let link = |number: u64| {
        let number = number.to_string();
        query.link(&base, ("page", &number), page.per_page)
    };
    let number = cursor.map_or(page.number, |cursor| cursor.page);
    let meta = match cursor {
        None => Meta::new(number, page.per_page, listing.total, link).ok_or_else(|| {
            ApiError::of(
                ProblemCode::UnknownPage,
                "there is no such page; `meta.last` of the first page names the last one",
            )
        })?,
        Some(_) => Meta::of_any(number, page.per_page, listing.total, link),
    };
    let items = listing.items.iter().map(|view| {
        let artefacts = artefacts::of(&app, &base, view);
        match page.form {
            Form::Short => view.short(artefacts),
            Form::Verbose => view.verbose(artefacts),
        }
    });
    let mut answer = json(
        StatusCode::OK,
        &Answer {
            items: items.collect(),
            meta,
        },
    );
    let next = listing.next_below.map(|below| Cursor {
        below,
        page: number.saturating_add(1),
    });
    let next = next.map(|next| query.next_link(&base, next, page));
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        answer.headers_mut().insert(header::LINK, next);
    }
    Ok(answer)
}

/// The parameters of a list. Of a parameter that comes twice the first one counts; unknown ones are ignored.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn get_non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    fn page(&self, max_per_page: u64) -> Result<Page, ApiError> {
        let at_least_one = |name, default| match self.get(name) {
            None => Ok(default),
            Some(text) => natural(text).ok_or_else(|| {
                ApiError::of(
                    ProblemCode::UnknownPage,
                    format!("`{name}` must be a number from 1"),
                )
            }),
        };
        let verbose = self
            .get("verbose")
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        Ok(Page {
            number: at_least_one("page", 1)?,
            per_page: at_least_one("per_page", DEFAULT_PER_PAGE)?.min(max_per_page.max(1)),
            form: if verbose { Form::Verbose } else { Form::Short },
        })
    }

    /// Where the page starts, unless that is for its number to say.
    fn cursor(&self) -> Result<Option<Cursor>, ApiError> {
        let Some(text) = self.get("cursor") else {
            return Ok(None);
        };
        if self.get("page").is_some() {
            return Err(unfit(
                "`cursor` says where the page starts already; leave `page` out",
            ));
        }
        let cursor = Cursor::from_text(text).ok_or_else(|| {
            unfit("`cursor` is none of this service; take it as it is from the `Link` header of the page before, or leave it out")
        })?;
        Ok(Some(cursor))
    }

    fn filter(&self) -> Result<ListFilter, ApiError> {
        let unknown = |name: &str, known: String| {
            unfit(format!("`{name}` must be one of: {known}; or leave it out"))
        };
        let state = self.get_non_empty("state").map(|name| {
            RequestState::from_name(name).ok_or_else(|| {
                unknown(
                    "state",
                    RequestState::ALL.map(RequestState::name).join(", "),
                )
            })
        });
        let request_type = self.get_non_empty("request_type").map(|name| {
            RequestType::from_name(name).ok_or_else(|| {
                unknown(
                    "request_type",
                    RequestType::ALL.map(RequestType::name).join(", "),
                )
            })
        });
        let batch = self.get("batch").map(|text| {
            let number = natural(text).ok_or_else(|| unfit("`batch` must be a number from 1"))?;
            // A number the database cannot hold is a batch that does not exist.
            Ok::<i64, ApiError>(i64::try_from(number).unwrap_or(i64::MAX))
        });
        let text = |name| self.get_non_empty(name).map(ToOwned::to_owned);
        Ok(ListFilter {
            state: state.transpose()?,
            request_type: request_type.transpose()?,
            batch: batch.transpose()?,
            user: text("user"),
            from_index: text("from_index"),
            from_index_startswith: text("from_index_startswith"),
            index_image: text("index_image"),
        })
    }

    /// The address of another page of this list. It carries the filters in use, but not `verbose`: the recorded answers agree on that,
    /// so clients add it to each page they fetch (section 5.2).
    fn link(&self, base: &BaseUrl, place: (&str, &str), per_page: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair(place.0, place.1)
            .append_pair("per_page", &per_page.to_string());
        for name in FILTERS {
            if let Some(value) = self.get_non_empty(name) {
                query.append_pair(name, value);
            }
        }
        base.join(&format!("/api/v1/builds?{}", query.finish()))
    }

    /// The `Link` to the page that starts at `next`. No other client knows it, so it keeps the form.
    fn next_link(&self, base: &BaseUrl, next: Cursor, page: Page) -> String {
        let mut address = self.link(base, ("cursor", &next.to_text()), page.per_page);
        if page.form == Form::Verbose {
            address.push_str("&verbose=true");
        }
        format!("<{address}>; rel=\"next\"")
    }
}

fn unfit(text: impl Into<String>) -> ApiError {
    ApiError::of(ProblemCode::InvalidParameter, text)
}

/// A number from 1, written in digits alone. One too large to count is the largest there is.
fn natural(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX)).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn natural_numbers_are_digits_and_above_zero() {
        assert_eq!(natural("20"), Some(20));
        assert_eq!(natural("99999999999999999999999"), Some(u64::MAX));
        for wrong in ["", "0", "-1", "+1", "1.5", "abc", " 1"] {
            assert_eq!(natural(wrong), None, "{wrong}");
        }
    }
}
