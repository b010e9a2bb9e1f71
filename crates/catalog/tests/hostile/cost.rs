//! How the cost of some work grows with its input.

use std::time::Duration;

/// The larger input, as a multiple of the smaller one.
const FACTOR: usize = 8;

/// What work in proportion to its input may take on the larger one: quadratic work takes `FACTOR * FACTOR` times as long.
const MOST: u32 = 24;

/// What is too little to be measured.
const LEAST: Duration = Duration::from_millis(2);

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
    let cost = |size, tries| {
        let input = make(size);
        let tried = (0..tries).map(|_| on_one_thread(|| work(&input)));
        tried.min().unwrap()
    };
    let small = cost(size, 3).max(LEAST);
    let large = cost(size * FACTOR, 1);
    assert!(
        large < small * MOST,
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
