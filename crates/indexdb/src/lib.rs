//! The SQLite index database and how it changes when bundles are added.
