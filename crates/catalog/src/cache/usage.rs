//! When it is time to write a database anew.

/// What the segments of a database hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// How many there are.
    pub segments: usize,
    /// The bytes of all of them.
    pub bytes: u64,
    /// The bytes of records that are superseded or deleted, and of those that delete.
    pub dead: u64,
}

impl Usage {
    /// Whether most of it is of no more use: then one that is written anew is less to store and to read.
    pub fn is_mostly_dead(&self) -> bool {
        self.dead > self.bytes / 2
    }
}
