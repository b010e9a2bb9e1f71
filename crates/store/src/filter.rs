//! What a list of requests is narrowed to (section 5.2 of the contract).

use std::sync::Arc;

use api::{RequestType, RequestView, State};

/// Conditions on requests; all of them have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListFilter {
    /// The state is this one.
    pub state: Option<State>,
    /// The type is this one.
    pub request_type: Option<RequestType>,
    /// The batch has this number.
    pub batch: Option<i64>,
    /// The submitter has exactly this name.
    pub user: Option<String>,
    /// The from-index is exactly this reference.
    pub from_index: Option<String>,
    /// The from-index starts with this text; no character of it has a special meaning.
    pub from_index_startswith: Option<String>,
    /// The built index image is exactly this reference.
    pub index_image: Option<String>,
}

/// How much of each request to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Without history and annotations.
    Short,
    /// Everything.
    Verbose,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The number of the page, from 1.
    pub number: u64,
    /// How many requests a page holds.
    pub per_page: u64,
    /// How much of each request to load.
    pub form: Form,
}

/// The part of a list that lies below a request, wherever that stands in it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// The request above it; requests of this number and higher ones are left out.
    pub below: i64,
    /// How many requests it holds.
    pub limit: u64,
    /// How much of each request to load.
    pub form: Form,
}

/// A part of a list of requests, newest first; empty beyond its end.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The requests; shared by everybody who asked for the same page at the same time.
    pub items: Arc<[RequestView]>,
    /// How many fit the filter on all pages.
    pub total: u64,
    /// The last of the items, if there are more below it.
    pub next_below: Option<i64>,
}
