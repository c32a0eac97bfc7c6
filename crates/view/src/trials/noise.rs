//! What disturbed a measurement, in words.

use super::percent;
use pitstop_analysis::trials::Noise;

/// One sentence a disturbance, the worst first; none if it was quiet.
pub fn sentences(noise: &Noise) -> Vec<String> {
    let mut all: Vec<(f64, String)> = Vec::new();
    if noise.wait_share > 0.05 {
        all.push((
            noise.wait_share,
            format!(
                "other programs held its CPU: it waited {} of the time",
                percent(noise.wait_share)
            ),
        ));
    }
    if noise.steal_share > 0.02 {
        all.push((
            noise.steal_share,
            format!(
                "the hypervisor gave {} of the machine's time to other guests",
                percent(noise.steal_share)
            ),
        ));
    }
    if let Some(share) = noise.memory_pressure.filter(|share| *share > 0.02) {
        all.push((
            share,
            format!("memory was short {} of the time", percent(share)),
        ));
    }
    if noise.addresses_refused {
        all.push((
            0.0,
            "the system does not let addresses be fixed (seccomp in a container?): pairs differ by \
             layout too and it takes more of them"
                .to_owned(),
        ));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, text)| text).collect()
}

/// The first thing to do about it.
pub(crate) fn advice(noise: &Noise) -> Option<&'static str> {
    if noise.wait_share > 0.2 {
        Some("stop what else runs on this machine, or give it more time")
    } else if noise.steal_share > 0.05 {
        Some("use a machine that is not shared, or give it more time")
    } else {
        None
    }
}
