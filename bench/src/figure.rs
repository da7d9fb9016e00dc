//! A figure beside its baseline: several rounds of both in turn, and whether the goal is met.

use std::fmt;

/// Of all tables of [`Figure`]s.
pub(crate) const HEAD: &str = "figure | baseline | Torg | ratio, median | lowest to highest | must | aim | met\n\
    ---|---|---|---|---|---|---|---\n";

/// What was measured, round by round, and what it was to be.
pub(crate) struct Figure {
    pub(crate) name: String,
    /// The ratio below which the goal is missed.
    pub(crate) must: f64,
    /// The ratio that would be good.
    pub(crate) aim: f64,
    rounds: Vec<Round>,
}

struct Round {
    baseline: f64,
    subject: f64,
}

impl Figure {
    pub(crate) fn new(name: String, must: f64, aim: f64) -> Self {
        Self { name, must, aim, rounds: Vec::new() }
    }

    /// Adds a round; the more, the better, for baseline and subject alike.
    pub(crate) fn add(&mut self, baseline: f64, subject: f64) {
        self.rounds.push(Round { baseline, subject });
    }

    fn sorted(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// The middle of values that rise; of two in the middle the lower one. None of no value.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// A row of a table under [`HEAD`].
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratios = self.sorted(|round| round.subject / round.baseline);
        let (baselines, subjects) =
            (self.sorted(|round| round.baseline), self.sorted(|round| round.subject));
        let (Some(ratio), Some(lowest), Some(highest), Some(baseline), Some(subject)) =
            (median(&ratios), ratios.first(), ratios.last(), median(&baselines), median(&subjects))
        else {
            return writeln!(f, "{} | not measured", self.name);
        };
        let met = match ratio {
            ratio if self.aim <= ratio => "aim",
            ratio if self.must <= ratio => "must",
            _ => "NO",
        };
        writeln!(
            f,
            "{} | {baseline:.0} | {subject:.0} | {ratio:.2} | {lowest:.2} to {highest:.2} | {} | {} | {met}",
            self.name, self.must, self.aim
        )
    }
}
