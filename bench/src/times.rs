//! How long things took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Many durations, each to the microsecond, and to three digits.
#[derive(Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub(crate) fn add(&mut self, time: Duration) -> anyhow::Result<()> {
        Ok(self.0.record(u64::try_from(time.as_micros())?)?)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The one that so many are not longer than, from 0 to 1, in milliseconds.
    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        crate::as_float(self.0.value_at_quantile(quantile)) / 1000.0
    }
}
