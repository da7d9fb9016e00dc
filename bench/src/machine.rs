//! On what was measured. Absolute figures mean nothing without it, and little with it.

use std::fs;

use serde_json::{Value, json};

use crate::disk::SyncedPage;
use crate::figure::median;

/// Writes that are timed.
const WRITES: usize = 200;
/// Faster than this no disk is; memory is.
const MILLISECONDS_OF_MEMORY: f64 = 0.01;

/// The machine and what else it does.
pub(crate) struct Machine {
    processors: usize,
    processor: String,
    memory_gib: f64,
    kernel: String,
    /// How many processes wanted to run in the last minute, on average.
    load: String,
    /// Median of writing 4 KiB and `fdatasync`, in the folder for temporary files.
    fdatasync_ms: f64,
}

impl Machine {
    /// Looks around, and waits for the disk some times.
    pub(crate) fn describe() -> anyhow::Result<Self> {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let value = |file: &str, name: &str| {
            let text = read(file);
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
        };
        let memory = value("/proc/meminfo", "MemTotal");
        let memory = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0);
        Ok(Self {
            processors: std::thread::available_parallelism()?.get(),
            processor: value("/proc/cpuinfo", "model name"),
            memory_gib: memory / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            fdatasync_ms: fdatasync_ms()?,
        })
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self { processors, processor, memory_gib, kernel, load, fdatasync_ms } = self;
        let mut lines = vec![
            format!("{processors} processors ({processor}), {memory_gib:.0} GiB, Linux {kernel}."),
            format!(
                "Load when it began: {load}. 4 KiB and fdatasync in {}: {fdatasync_ms:.2} ms, median.",
                std::env::temp_dir().display()
            ),
        ];
        if *fdatasync_ms < MILLISECONDS_OF_MEMORY {
            lines.push(
                "The folder for temporary files lies in memory: what waits for the disk means nothing. TMPDIR names another."
                    .to_owned(),
            );
        }
        if cfg!(debug_assertions) {
            lines.push("Built without --release: the figures mean nothing.".to_owned());
        }
        lines
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processors": self.processors,
            "processor": self.processor,
            "memory_gib": self.memory_gib,
            "kernel": self.kernel,
            "load_at_start": self.load,
            "fdatasync_ms": self.fdatasync_ms,
        })
    }
}

fn fdatasync_ms() -> anyhow::Result<f64> {
    let mut page = SyncedPage::make_in(&std::env::temp_dir())?;
    let mut times = Vec::new();
    for _ in 0..WRITES {
        times.push(page.write()?.as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(median(&times).unwrap_or_default())
}
