//! How much memory the process has, and whether that grows.

use std::{fmt, fs, time::Duration};

/// How much may be added over the whole time: an allocator's use by threads varies a little.
const MAX_GROWTH: f64 = 1024.0;

#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    seconds: f64,
    /// In KiB.
    resident: f64,
    tasks: usize,
    running: usize,
}

impl Samples {
    pub(crate) fn take(&mut self, time: Duration, tasks: usize, running: usize) {
        let sample = Sample {
            seconds: time.as_secs_f64(),
            resident: resident().unwrap_or(f64::NAN),
            tasks,
            running,
        };
        println!(
            "{:6.0} s: {:7.0} KiB, {} tasks, {} handlers",
            sample.seconds, sample.resident, sample.tasks, sample.running
        );
        self.0.push(sample);
    }

    /// KiB a second, by the line that fits best.
    fn slope(&self) -> f64 {
        let mean = |of: fn(&Sample) -> f64| {
            let count = f64::from(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
            self.0.iter().map(of).sum::<f64>() / count
        };
        let (time, memory) = (mean(|s| s.seconds), mean(|s| s.resident));
        let (mut both, mut square) = (0.0, 0.0);
        for sample in &self.0 {
            let off = sample.seconds - time;
            both += off * (sample.resident - memory);
            square += off * off;
        }
        both / square
    }

    fn growth(&self) -> f64 {
        let seconds = |sample: Option<&Sample>| sample.map_or(f64::NAN, |sample| sample.seconds);
        self.slope() * (seconds(self.0.last()) - seconds(self.0.first()))
    }

    /// Set if the memory grew, or couldn't be read.
    pub(crate) fn problem(&self) -> Option<String> {
        let growth = self.growth();
        let is_flat = growth <= MAX_GROWTH;
        (!is_flat).then(|| format!("the memory grew by {growth:.0} KiB"))
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.0.iter().map(|sample| sample.resident);
        let tasks = self.0.iter().map(|sample| sample.tasks);
        write!(
            f,
            "memory: {:.0} to {:.0} KiB, {:+.2} KiB a second, {:+.0} KiB in all; tasks: {} to {}",
            memory.clone().fold(f64::INFINITY, f64::min),
            memory.fold(f64::NEG_INFINITY, f64::max),
            self.slope(),
            self.growth(),
            tasks.clone().min().unwrap_or(0),
            tasks.max().unwrap_or(0),
        )
    }
}

/// `VmRSS`, in KiB.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
