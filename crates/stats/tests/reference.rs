//! What SciPy and NumPy say, number by number: `fixtures/statistics/make_reference.py` made them.

use pitstop_stats as stats;
use serde_json::Value;

fn reference() -> Value {
    let text = include_str!("../../../fixtures/statistics/reference.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

fn list(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list");
    values.iter().map(number).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn rows<'a>(reference: &'a Value, name: &str) -> &'a [Value] {
    let rows = reference[name].as_array().expect("a list");
    assert!(!rows.is_empty(), "{name}");
    rows
}

#[track_caller]
fn close(ours: f64, theirs: f64, relative: f64) {
    let off = (ours - theirs).abs();
    assert!(
        off <= relative * theirs.abs() + 1e-14,
        "{ours} and {theirs}"
    );
}

#[test]
fn functions_of_mathematics_agree() {
    let reference = reference();
    for row in rows(&reference, "ln_gamma") {
        close(stats::ln_gamma(number(&row[0])), number(&row[1]), 1e-11);
    }
    for row in rows(&reference, "normal_cdf") {
        close(stats::normal_cdf(number(&row[0])), number(&row[1]), 1e-10);
    }
    for row in rows(&reference, "normal_quantile") {
        close(
            stats::normal_quantile(number(&row[0])),
            number(&row[1]),
            1e-12,
        );
    }
    for row in rows(&reference, "beta_cdf") {
        let [a, b, x, expected] = [0, 1, 2, 3].map(|at| number(&row[at]));
        close(stats::beta_cdf(a, b, x), expected, 1e-9);
    }
}

#[test]
fn summaries_and_percentiles_agree() {
    for sample in rows(&reference(), "samples") {
        let values = list(&sample["values"]);
        let summary = stats::summary(&values).expect("there are values");
        close(summary.mean, number(&sample["mean"]), 1e-12);
        close(summary.deviation, number(&sample["deviation"]), 1e-12);
        let sorted = stats::sorted(&values);
        for row in rows(sample, "percentiles") {
            close(
                stats::percentile(&sorted, number(&row[0])),
                number(&row[1]),
                1e-12,
            );
        }
        for row in rows(sample, "harrell_davis") {
            close(
                stats::harrell_davis(&sorted, number(&row[0])),
                number(&row[1]),
                1e-9,
            );
        }
        let deviation = number(&sample["robust_deviation"]);
        close(stats::robust_deviation(&values), deviation, 1e-9);
        close(stats::drift(&values), number(&sample["drift"]), 1e-10);
    }
}

#[test]
fn signed_ranks_agree() {
    let reference = reference();
    for sample in rows(&reference, "samples") {
        let values = list(&sample["values"]);
        let estimate = number(&sample["hodges_lehmann"]);
        close(stats::hodges_lehmann(&values), estimate, 1e-12);
        close(
            stats::signed_rank_test(&values),
            number(&sample["signed_rank"]),
            1e-9,
        );
        let interval = stats::hodges_lehmann_interval(&values, 0.95).expect("six are enough");
        let [low, high] = [0, 1].map(|end| number(&sample["interval_95"][end]));
        close(interval.low, low, 1e-9);
        close(interval.high, high, 1e-9);
        let interval = stats::median_interval(&values, 0.95).expect("six are enough");
        let [low, high] = [0, 1].map(|end| number(&sample["median_interval_95"][end]));
        close(interval.low, low, 1e-12);
        close(interval.high, high, 1e-12);
    }
    let tied = &reference["tied"];
    let probability = stats::signed_rank_test(&list(&tied["values"]));
    close(probability, number(&tied["signed_rank"]), 1e-9);
}

#[test]
fn rank_sums_agree() {
    for sample in rows(&reference(), "two_samples") {
        let (first, second) = (list(&sample["first"]), list(&sample["second"]));
        let probability = stats::rank_sum_test(&first, &second);
        close(probability, number(&sample["probability"]), 1e-7);
        close(
            stats::shift_estimate(&first, &second),
            number(&sample["shift"]),
            1e-12,
        );
    }
}

#[test]
fn adjusted_probabilities_agree() {
    for row in rows(&reference(), "adjusted") {
        let ours = stats::adjusted_probabilities(&list(&row[0]));
        for (ours, theirs) in ours.iter().zip(list(&row[1])) {
            close(*ours, theirs, 1e-12);
        }
    }
}
