//! How much memory a process holds.

use anyhow::Context as _;

/// The bytes of the process with this id that lie in memory, those included that it shares with others.
pub(crate) fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.context("no VmRSS on this system")?.trim().parse()?;
    Ok(kibibytes << 10)
}
