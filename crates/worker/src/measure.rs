//! What is counted of the work on requests.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use api::report::StageTime;
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
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    current: Option<(&'static str, Instant)>,
    ended: Vec<StageTime>,
}

impl Stages {
    pub(crate) fn of(kind: RequestType) -> Self {
        let times = Mutex::default();
        Self { kind, times }
    }

    pub(crate) fn begin(&self, phase: &Phase) {
        self.switch_to(Some((phase.name(), Instant::now())));
    }

    /// Ends the current stage and gives the times of all, in their order.
    pub(crate) fn end(&self) -> Vec<StageTime> {
        self.switch_to(None);
        std::mem::take(&mut self.lock().ended)
    }

    fn switch_to(&self, next: Option<(&'static str, Instant)>) {
        let mut times = self.lock();
        if let Some((stage, began)) = std::mem::replace(&mut times.current, next) {
            let elapsed = began.elapsed();
            histogram!(name::STAGE_DURATION, "type" => self.kind.name(), "stage" => stage)
                .record(elapsed);
            times.ended.push(StageTime {
                stage: stage.to_owned(),
                seconds: elapsed.as_secs_f64(),
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        // Poisoned by a panic in between two assignments that cannot panic: the value is sound.
        let times = self.times.lock();
        times.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.switch_to(None);
    }
}
