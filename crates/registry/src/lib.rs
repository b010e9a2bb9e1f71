//! An embedded image registry over real HTTP, persistent on disk, able to inject faults.
