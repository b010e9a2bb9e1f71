//! What was counted, as Prometheus reads it.

use std::fmt;

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::Error;
use crate::names::name;

/// Answers take milliseconds; those that take seconds are counted, not told apart finely.
const ANSWER_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Work on requests takes from less than a second to hours.
const WORK_SECONDS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
];

/// Everything that is counted in this process. Clones are the same.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects what is counted in this process from now on.
    ///
    /// # Errors
    /// [`Error::MetricsTaken`] when something does already.
    pub fn install() -> Result<Self, Error> {
        let setup = |builder: PrometheusBuilder, matcher, buckets| {
            builder
                .set_buckets_for_metric(matcher, buckets)
                .map_err(Error::Metrics)
        };
        let full = |name: &str| Matcher::Full(name.to_owned());
        let builder = PrometheusBuilder::new();
        let builder = setup(builder, full(name::HTTP_DURATION), ANSWER_SECONDS)?;
        let builder = setup(builder, full(name::REQUEST_DURATION), WORK_SECONDS)?;
        let builder = setup(builder, full(name::STAGE_DURATION), WORK_SECONDS)?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder).map_err(|_| Error::MetricsTaken)?;
        describe();
        Ok(Self(handle))
    }

    /// Everything in the text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds single measurements into their histograms. To be called now and then: until somebody does, or renders, they take memory.
    pub fn fold(&self) {
        self.0.run_upkeep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn describe() {
    describe_histogram!(
        name::HTTP_DURATION,
        Unit::Seconds,
        "Time to answers, by route, method and status"
    );
    describe_gauge!(name::HTTP_IN_PROGRESS, "HTTP requests under way");
    describe_gauge!(name::HTTP_CONNECTIONS, "Open connections");
    describe_gauge!(
        name::JOBS,
        "Unfinished requests, by queue and by whether a worker holds them"
    );
    describe_gauge!(
        name::OLDEST_JOB,
        Unit::Seconds,
        "Time since the oldest unfinished request was submitted, by queue"
    );
    describe_histogram!(
        name::REQUEST_DURATION,
        Unit::Seconds,
        "Time a worker took for a request, by type and final state"
    );
    describe_histogram!(
        name::STAGE_DURATION,
        Unit::Seconds,
        "Time the stages of requests took, by type and stage"
    );
    describe_gauge!(
        name::REQUESTS_IN_PROGRESS,
        "Requests that a worker of this process has in hand"
    );
    describe_counter!(
        name::REGISTRY_REQUESTS,
        "HTTP requests to registries, by operation and status"
    );
    describe_counter!(
        name::REGISTRY_READ,
        Unit::Bytes,
        "Bytes of bodies received from registries"
    );
    describe_counter!(
        name::REGISTRY_WRITTEN,
        Unit::Bytes,
        "Bytes of bodies sent to registries"
    );
    describe_counter!(
        name::REGISTRY_RETRIES,
        "What was tried again with registries"
    );
}
