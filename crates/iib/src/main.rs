//! The iib command.
fn main() {}
