//! Images in directories and registries, and the files in them.

// `cfg(test)` tells clippy that helpers outside of test functions are tests too.
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trees;
