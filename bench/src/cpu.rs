//! How much of the machine a process takes.

use std::fs;

use anyhow::Context as _;

/// Ticks of the clock that a process and the whole machine have used up, all processors together.
#[derive(Clone, Copy)]
pub(crate) struct CpuTime {
    process: u64,
    machine: u64,
}

impl CpuTime {
    /// What the process with this id has used up to now.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is the program's name in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
        let ticks = numbers(fields.split_whitespace().skip(11).take(2));
        let machine = fs::read_to_string("/proc/stat")?;
        let machine = machine.lines().next().context("/proc/stat is empty")?;
        // User, nice, system, idle, waiting, interrupts, stolen. What follows is counted among these.
        Ok(Self { process: ticks, machine: numbers(machine.split_whitespace().skip(1).take(8)) })
    }

    /// The share of the machine, from 0 to 1, that the process took from `before` until this.
    pub(crate) fn share_since(self, before: Self) -> f64 {
        crate::as_float(self.process - before.process)
            / crate::as_float((self.machine - before.machine).max(1))
    }
}

fn numbers<'t>(fields: impl Iterator<Item = &'t str>) -> u64 {
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}
