//! HTTP to store: the REST endpoints.
