//! Whether two profiles say the same.

use pitstop_model::Profile;

/// Asserts that everything but the meta is equal.
pub(crate) fn assert_same_tables(left: &Profile, right: &Profile) {
    let texts = |profile: &Profile| {
        profile
            .strings
            .iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(left), texts(right));
    assert_eq!(left.places.files(), right.places.files());
    assert_eq!(left.places.functions(), right.places.functions());
    assert_eq!(left.places.frames(), right.places.frames());
    assert_eq!(left.places.stacks(), right.places.stacks());
    assert_eq!(left.waits, right.waits);
    assert_eq!(left.timeline.processes, right.timeline.processes);
    assert_eq!(left.timeline.threads, right.timeline.threads);
    assert_eq!(left.timeline.curve, right.timeline.curve);
    assert!(left.calls.iter().eq(right.calls.iter()), "calls differ");
    assert_eq!(left.calls.lost, right.calls.lost);
    assert_eq!(left.line_times, right.line_times);
    assert_eq!(left.spans, right.spans);
    assert!(
        left.series.iter().eq(right.series.iter()),
        "the series differ"
    );
    assert!(
        left.sources.iter().eq(right.sources.iter()),
        "the sources differ"
    );
}

/// Asserts that everything is equal, the times of samples included.
pub(crate) fn assert_same(left: &Profile, right: &Profile) {
    assert_same_tables(left, right);
    assert_eq!(left.series.moments, right.series.moments);
    assert_eq!(left.meta, right.meta);
}
