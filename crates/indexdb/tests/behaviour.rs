//! What the index database does, seen through the public interface.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod behaviour {
    mod add;
    mod database;
    mod deprecate;
    mod hostile;
    mod migrate;
    mod remove;
    mod support;
}
