//! Many questions at once: how many of the answers may be wrong.
//!
//! A suite of a hundred benchmarks tested at 5 % each gives five false alarms a run. These hold the
//! expected *share* of false ones among all that are reported.

/// Adjusts p-values (Benjamini and Hochberg 1995): reporting those that are at most `q` keeps the
/// share of false ones at `q` or below. For independent or positively dependent questions.
pub fn adjusted_probabilities(probabilities: &[f64]) -> Vec<f64> {
    let count = probabilities.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let mut adjusted = vec![1.0; count];
    let mut least = 1.0_f64;
    for (from_top, index) in order.into_iter().enumerate() {
        let rank = count - from_top;
        least = least.min(probabilities[index] * count as f64 / rank as f64);
        adjusted[index] = least;
    }
    adjusted
}

/// Which questions may be reported, by their evidence (e-values; Wang and Ramdas 2022): the share
/// of false ones stays at `q` or below, however the questions depend on each other.
pub fn reportable(evidence: &[f64], q: f64) -> Vec<bool> {
    let count = evidence.len();
    let mut descending = evidence.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let enough = |rank: usize| count as f64 / (rank as f64 * q);
    let reported = (1..=count)
        .rev()
        .find(|&rank| descending[rank - 1] >= enough(rank));
    let line = reported.map_or(f64::INFINITY, enough);
    evidence.iter().map(|value| *value >= line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_evidence_carries_weaker_along() {
        // Two of four at 5 %: alone the second would need 80, beside the first it needs 40.
        assert_eq!(
            reportable(&[100.0, 41.0, 1.0, 0.0], 0.05),
            [true, true, false, false]
        );
        assert_eq!(reportable(&[1.0, 41.0, 1.0, 0.0], 0.05), [false; 4]);
        assert!(reportable(&[], 0.05).is_empty());
    }

    #[test]
    fn one_question_is_left_as_it_is() {
        assert_eq!(adjusted_probabilities(&[0.03]), [0.03]);
        assert!(adjusted_probabilities(&[]).is_empty());
    }
}
