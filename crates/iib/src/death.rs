//! Where tests have the service die: `IIB_CRASH_AT` names the point, and `IIB_CRASH_TRACE` a file for those that are reached. Programs built for release
//! do not look.

use std::path::PathBuf;

use anyhow::Context as _;

/// Prepares for it, if the environment says so.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
pub(crate) fn prepare() -> anyhow::Result<()> {
    let trace = std::env::var_os("IIB_CRASH_TRACE").map(PathBuf::from);
    let die_at = std::env::var("IIB_CRASH_AT").ok();
    if !crash::CAN_BE_ARMED || (trace.is_none() && die_at.is_none()) {
        return Ok(());
    }
    crash::arm(trace.as_deref(), die_at).context("the trace of `IIB_CRASH_TRACE` cannot be written")
}
