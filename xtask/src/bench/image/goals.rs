//! What a change may cost, and what it cost.

use super::Run;

/// Beside what a change is made of, in bytes: configs, manifests, tar headers.
const ROOM: u64 = 64 * 1024;
/// How many times as much a catalog of the most bundles may cost as one of the fewest.
const GROWTH: f64 = 1.5;
/// How many times less time it takes than with containers' tools.
const PLAIN_WAY: f64 = 50.0;

/// The sizes that the goals for one catalog are made of, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The changed package, compressed.
    pub(super) change: u64,
    /// The serve cache's package index and key index, compressed.
    pub(super) indexes: u64,
    /// Lists, manifests and configs of the index, the binary image and the fragment.
    pub(super) descriptions: u64,
    pub(super) arches: u64,
}

/// A goal, and whether it is met.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) goal: String,
    pub(super) limit: String,
    pub(super) found: String,
    pub(super) met: bool,
}

/// Judges the warm run `run` over a catalog with `bundles` bundles.
pub(super) fn of_one(bundles: u32, sizes: &Sizes, run: &Run) -> Vec<Judged> {
    let goal = |what: &str| format!("{bundles} bundles: {what}");
    let bytes = |what, found, limit| Judged {
        goal: goal(what),
        limit: format!("{limit}"),
        found: format!("{found}"),
        met: found <= limit,
    };
    vec![
        bytes(
            "bytes pushed: 2 × the change + 64 KiB per architecture + the cache's indexes",
            run.network.bytes_sent,
            2 * sizes.change + sizes.arches * ROOM + sizes.indexes,
        ),
        bytes(
            "bytes read: the fragment + manifests and configs + 64 KiB",
            run.network.bytes_received,
            sizes.change + sizes.descriptions + ROOM,
        ),
        bytes(
            "requests: 12 + 8 per architecture",
            run.network.requests,
            12 + 8 * sizes.arches,
        ),
    ]
}

/// Judges how warm runs grow from the catalog with the fewest bundles to that with the most. The package index is once for all, and
/// no part of what may not grow.
pub(super) fn of_growth(small: (u32, &Sizes, &Run), large: (u32, &Sizes, &Run)) -> Vec<Judged> {
    let (fewest, few_sizes, few) = small;
    let (most, many_sizes, many) = large;
    let goal = |what: &str| format!("{most} bundles for {fewest}: {what}");
    let times = |what, few: f64, many: f64| Judged {
        goal: goal(what),
        limit: format!("{GROWTH:.1} ×"),
        found: format!("{:.2} ×", many / few),
        met: many <= GROWTH * few,
    };
    let outside = |run: &Run, sizes: &Sizes| {
        float(run.network.bytes_sent.saturating_sub(sizes.indexes))
            + float(run.network.bytes_received)
    };
    vec![
        times(
            "time outside the serve cache's indexes and digest",
            few.taken.wall - few.serve_cache,
            many.taken.wall - many.serve_cache,
        ),
        times(
            "bytes outside the cache's indexes",
            outside(few, few_sizes),
            outside(many, many_sizes),
        ),
    ]
}

/// Judges the time of a warm run beside what containers' tools take, in seconds.
pub(super) fn of_plain_way(bundles: u32, run: &Run, seconds: f64) -> Judged {
    Judged {
        goal: format!("{bundles} bundles: time beside containers' tools"),
        limit: format!("1/{PLAIN_WAY:.0}"),
        found: format!("1/{:.1}", seconds / run.taken.wall),
        met: run.taken.wall * PLAIN_WAY <= seconds,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a measurement has far fewer digits than a double"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::image::Network;
    use crate::bench::process::Taken;

    const SIZES: Sizes = Sizes {
        change: 1000,
        indexes: 500,
        descriptions: 300,
        arches: 4,
    };

    fn run(requests: u64, bytes_sent: u64, bytes_received: u64, wall: f64) -> Run {
        Run {
            network: Network {
                requests,
                bytes_sent,
                bytes_received,
            },
            serve_cache: 0.0,
            taken: Taken {
                wall,
                cpu: wall,
                peak: 1.0,
            },
        }
    }

    fn met(judged: &[Judged]) -> Vec<bool> {
        judged.iter().map(|judged| judged.met).collect()
    }

    #[test]
    fn the_limits_belong_to_the_goals() {
        let at_limit = run(44, 2000 + 4 * ROOM + 500, 1300 + ROOM, 1.0);
        assert_eq!(met(&of_one(50, &SIZES, &at_limit)), [true; 3]);
        let beyond = run(45, 2001 + 4 * ROOM + 500, 1301 + ROOM, 1.0);
        assert_eq!(met(&of_one(50, &SIZES, &beyond)), [false; 3]);
    }

    #[test]
    fn growth_is_judged_without_the_indexes() {
        let few = run(1, 1500, 1000, 1.0);
        let more = Sizes {
            indexes: 50_000,
            ..SIZES
        };
        let many = run(1, 51_000, 2000, 1.6);
        let judged = of_growth((50, &SIZES, &few), (5000, &more, &many));
        assert_eq!(met(&judged), [false, true]);
        assert!(of_plain_way(50, &few, 50.0).met);
        assert!(!of_plain_way(50, &few, 49.0).met);
    }
}
