//! Replays what the reference tool made of file-based catalogs: judgements, renderings and serve caches.

/// Scenarios with databases or bundle images are replayed by the crate that reads those.
#[test]
fn catalogs_are_judged_rendered_and_cached_as_recorded() {
    golden::assert_as_recorded(|scenario| {
        scenario.start.is_none()
            && scenario.steps.iter().all(|step| {
                matches!(
                    step.op.as_str(),
                    "write-fbc" | "validate" | "render" | "serve-cache"
                ) && !step.touches().iter().any(|name| name.contains('@'))
            })
    });
}
