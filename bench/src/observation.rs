//! Load on a server, and how much of the machine each side took for it.

use crate::child::ServerProcess;
use crate::cpu::CpuTime;
use crate::load::{self, Load, Requests, Span};

/// A load and what it cost.
pub(crate) struct Observation {
    pub(crate) load: Load,
    /// The share of the machine that the server took.
    server: f64,
    /// The share that this program took.
    clients: f64,
}

impl Observation {
    /// Has so many connections ask `server`.
    pub(crate) fn of(
        server: &ServerProcess,
        requests: &Requests,
        connections: usize,
        span: Span,
    ) -> anyhow::Result<Self> {
        let cpu = || anyhow::Ok((CpuTime::of(server.id())?, CpuTime::of(std::process::id())?));
        let before = cpu()?;
        let load = load::run(std::slice::from_ref(requests), connections, span)?;
        let after = cpu()?;
        let (server, clients) = (after.0.share_since(before.0), after.1.share_since(before.1));
        Ok(Self { load, server, clients })
    }

    /// Times and shares.
    pub(crate) fn describe(&self) -> String {
        format!(
            "p50 {:.1} ms, p99 {:.1} ms; of the machine the server took {:.0} %, the clients {:.0} %",
            self.load.times.milliseconds(0.5),
            self.load.times.milliseconds(0.99),
            self.server * 100.0,
            self.clients * 100.0,
        )
    }
}
