//! One module per endpoint.

pub(crate) mod add;
pub(crate) mod front_page;
pub(crate) mod healthcheck;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod nested_bundles;
pub(crate) mod related_bundles;
pub(crate) mod show;
