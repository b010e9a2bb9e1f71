//! The cache on disk: what it saves, what it survives, and what it does not believe.

// `cfg(test)` tells clippy that helpers outside of test functions are tests too.
#[cfg(test)]
#[path = "../images/support.rs"]
#[allow(dead_code, reason = "its layers are used here, its images are not")]
mod archives;
#[cfg(test)]
mod contents;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod eviction;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod notes;
#[cfg(test)]
#[path = "../client/support.rs"]
#[allow(dead_code, reason = "each test program uses its part of this")]
mod registries;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod support;
#[cfg(test)]
mod warm;
