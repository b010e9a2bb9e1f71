//! One module per endpoint.

pub(crate) mod artefacts;
pub(crate) mod cancel;
mod cursor;
pub(crate) mod deprecation_schema;
pub(crate) mod events;
pub(crate) mod front_page;
pub(crate) mod healthcheck;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod nested_bundles;
pub(crate) mod openapi;
pub(crate) mod patch;
pub(crate) mod queue;
pub(crate) mod related_bundles;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod submit;
