//! How the cost of some work grows with its input.

use std::time::Duration;

/// The larger input, as a multiple of the smaller one.
const FACTOR: usize = 8;

/// What work in proportion to its input may take on the larger one: quadratic work takes `FACTOR * FACTOR` times as long.
const MOST: u32 = 24;

/// What is too little to be measured.
const LEAST: Duration = Duration::from_millis(2);

/// How often a cost that looks too steep is measured again: what grows too fast does so every time, a busy machine does not.
const TRIES: usize = 6;

/// Fails if `work` costs more than in proportion to the input that `make` makes of a size.
#[track_caller]
pub(crate) fn assert_linear<T>(
    what: &str,
    size: usize,
    make: impl Fn(usize) -> T,
    work: impl Fn(&T) + Sync,
) where
    T: Sync,
{
    let (input, larger) = (make(size), make(size * FACTOR));
    let cost = |input: &T| on_one_thread(|| work(input));
    // Other work on the machine only ever adds to a time, so the least of several is the one to trust.
    let (mut small, mut large) = (cost(&input).min(cost(&input)), cost(&larger));
    for _ in 1..TRIES {
        if large < small.max(LEAST) * MOST {
            return;
        }
        small = small.min(cost(&input));
        large = large.min(cost(&larger));
    }
    assert!(
        large < small.max(LEAST) * MOST,
        "{what}: {large:?} for {FACTOR} times what took {small:?}"
    );
}

/// The time the processor worked on `work`, which others that run beside it do not change.
fn on_one_thread(work: impl FnOnce() + Send) -> Duration {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.unwrap().install(|| {
        let start = processor_time();
        work();
        processor_time().saturating_sub(start)
    })
}

fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}
