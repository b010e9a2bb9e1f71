//! One module per endpoint.

pub(crate) mod add;
pub(crate) mod front_page;
pub(crate) mod healthcheck;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod show;
