//! Measurements of the program as its users run it.

pub(crate) mod index_add;
