//! Store to builder: claims jobs, runs them under a lease, reports.
