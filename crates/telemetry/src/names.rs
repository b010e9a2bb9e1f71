//! The names of everything that is counted. They are a promise to dashboards; labels have few values, never an id or a user.

/// Names of metrics.
pub mod name {
    /// How long answers took, by route template, method and status.
    pub const HTTP_DURATION: &str = "iib_http_request_duration_seconds";
    /// HTTP requests under way.
    pub const HTTP_IN_PROGRESS: &str = "iib_http_requests_in_progress";
    /// Open connections.
    pub const HTTP_CONNECTIONS: &str = "iib_http_connections";
    /// Unfinished requests, by queue and whether a worker holds them.
    pub const JOBS: &str = "iib_jobs";
    /// How long the oldest unfinished request has been there, by queue.
    pub const OLDEST_JOB: &str = "iib_jobs_oldest_age_seconds";
    /// How long workers took for requests that ended, by type and state.
    pub const REQUEST_DURATION: &str = "iib_request_duration_seconds";
    /// How long the stages of requests took, by type and stage.
    pub const STAGE_DURATION: &str = "iib_request_stage_duration_seconds";
    /// Requests that a worker has in hand.
    pub const REQUESTS_IN_PROGRESS: &str = "iib_requests_in_progress";
    /// HTTP requests to registries, by operation and status.
    pub const REGISTRY_REQUESTS: &str = "iib_registry_requests_total";
    /// Bytes of bodies received from registries.
    pub const REGISTRY_READ: &str = "iib_registry_read_bytes_total";
    /// Bytes of bodies sent to registries.
    pub const REGISTRY_WRITTEN: &str = "iib_registry_written_bytes_total";
    /// What was tried again with registries.
    pub const REGISTRY_RETRIES: &str = "iib_registry_retries_total";
}
