//! How many cases a law is tried on.

use proptest::test_runner::{Config, RngSeed};

/// The configuration of a law, each of whose cases costs as much as `cost` small ones.
///
/// `PROPTEST_CASES` (default 256) is the number of small ones, `PROPTEST_RNG_SEED` draws other cases; without it they are
/// the same in every run.
pub(crate) fn runs(cost: u32) -> Config {
    let default = Config::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        chosen @ RngSeed::Fixed(_) => chosen,
    };
    Config {
        cases: (default.cases / cost).max(1),
        rng_seed,
        failure_persistence: None,
        ..default
    }
}
