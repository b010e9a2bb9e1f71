//! What is counted of the work on requests.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use api::{RequestType, State};
use builder::Phase;
use metrics::{Gauge, gauge, histogram};
use telemetry::name;

/// A request in hand, counted as long as the value lives.
pub(crate) struct InHand(Gauge);

impl InHand {
    pub(crate) fn begin() -> Self {
        let gauge = gauge!(name::REQUESTS_IN_PROGRESS);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// A request ended in `state`.
pub(crate) fn ended(kind: RequestType, state: State, elapsed: Duration) {
    histogram!(name::REQUEST_DURATION, "type" => kind.name(), "state" => state.name())
        .record(elapsed);
}

/// Times the stages of a request: each lasts until the next begins, the last one as long as the value.
pub(crate) struct Stages {
    kind: RequestType,
    current: Mutex<Option<(&'static str, Instant)>>,
}

impl Stages {
    pub(crate) fn of(kind: RequestType) -> Self {
        let current = Mutex::new(None);
        Self { kind, current }
    }

    pub(crate) fn begin(&self, phase: &Phase) {
        self.switch_to(Some((phase.name(), Instant::now())));
    }

    fn switch_to(&self, next: Option<(&'static str, Instant)>) {
        // Poisoned by a panic in between two assignments that cannot panic: the value is sound.
        let mut current = self
            .current
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((stage, began)) = std::mem::replace(&mut *current, next) {
            histogram!(name::STAGE_DURATION, "type" => self.kind.name(), "stage" => stage)
                .record(began.elapsed());
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.switch_to(None);
    }
}
