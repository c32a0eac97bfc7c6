//! Energy that the processors took, where the machine tells: RAPL by way of the kernel's powercap.
//!
//! Layout: Documentation/power/powercap/powercap.rst of Linux. A package is a zone of its own
//! (`intel-rapl:0`), its cores are zones below it (`intel-rapl:0:0`) and would be counted twice. The
//! counters are in microjoules, wrap around at `max_energy_range_uj`, and since Linux 5.10 only root
//! may read them. They count everything that ran, not only what is measured.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows them.
const POWERCAP: &str = "/sys/class/powercap";

/// Packages and what their counters said at first.
#[derive(Debug)]
pub(crate) struct Energy {
    packages: Vec<(PathBuf, u64)>,
}

impl Energy {
    /// Reads the counters of this machine.
    pub(crate) fn start() -> Self {
        Self::start_in(Path::new(POWERCAP))
    }

    fn start_in(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut packages: Vec<(PathBuf, u64)> = entries
            .filter(|entry| is_package(&entry.file_name().to_string_lossy()))
            .filter_map(|entry| Some((entry.path(), number(&entry.path(), "energy_uj")?)))
            .collect();
        packages.sort();
        Self { packages }
    }

    /// Joules since then; `None` if the machine does not tell.
    pub(crate) fn joules(&self) -> Option<f64> {
        if self.packages.is_empty() {
            return None;
        }
        let mut microjoules = 0;
        for (path, before) in &self.packages {
            let now = number(path, "energy_uj")?;
            microjoules += if now >= *before {
                now - before
            } else {
                // Once around at most: that takes minutes at full load.
                (number(path, "max_energy_range_uj")? + now).checked_sub(*before)?
            };
        }
        Some(microjoules as f64 / 1e6)
    }
}

/// `intel-rapl:0`, which AMD's are called too.
fn is_package(name: &str) -> bool {
    let number = name.strip_prefix("intel-rapl:");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn number(directory: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(directory.join(name)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_added_up_and_counters_wrap_around() {
        let directory = tempfile::tempdir().expect("a directory");
        let set = |zone: &str, energy: u64| {
            let zone = directory.path().join(zone);
            fs::create_dir_all(&zone).expect("a zone");
            fs::write(zone.join("energy_uj"), format!("{energy}\n")).expect("written");
            fs::write(zone.join("max_energy_range_uj"), "10000000\n").expect("written");
        };
        assert_eq!(Energy::start_in(directory.path()).joules(), None);
        set("intel-rapl:0", 1_000_000);
        set("intel-rapl:1", 9_500_000);
        set("intel-rapl:0:0", 0);
        set("dtpm", 0);
        let energy = Energy::start_in(directory.path());
        assert_eq!(energy.joules(), Some(0.0));
        set("intel-rapl:0", 1_500_000);
        set("intel-rapl:1", 500_000);
        set("intel-rapl:0:0", 7_000_000);
        assert_eq!(energy.joules(), Some(1.5));
        fs::remove_dir_all(directory.path().join("intel-rapl:1")).expect("it was there");
        assert_eq!(energy.joules(), None, "half of it is not told");
    }
}
