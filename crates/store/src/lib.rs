//! The state of every request: requests, history, jobs and leases, in SQL behind one ORM with migrations.
