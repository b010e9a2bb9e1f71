//! One file per verb.

pub(crate) mod auth_new_token;
pub(crate) mod bundle;
pub(crate) mod cache;
pub(crate) mod catalog;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod index_add;
pub(crate) mod index_add_fragment;
pub(crate) mod index_build;
pub(crate) mod index_deprecate;
pub(crate) mod index_diff;
pub(crate) mod index_empty;
pub(crate) mod index_inspect;
pub(crate) mod index_merge;
pub(crate) mod index_rm;
pub(crate) mod index_rollback;
pub(crate) mod manifest;
pub(crate) mod queue;
pub(crate) mod queue_pause;
pub(crate) mod quickstart;
pub(crate) mod registry_serve;
pub(crate) mod request;
pub(crate) mod serve;
