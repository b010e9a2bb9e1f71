//! Measurements of the program as its users run it.

pub(crate) mod api;
pub(crate) mod bundles;
pub(crate) mod catalog;
pub(crate) mod classic;
pub(crate) mod image;
pub(crate) mod index_add;
pub(crate) mod memory;
pub(crate) mod overwrites;
pub(crate) mod process;
mod requests;
