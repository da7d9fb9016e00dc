//! A figure beside its baseline: several rounds of both in turn, and whether the goal is met.

use serde_json::{Value, json};

/// What a figure is to be: a ratio to its baseline, or an amount of its unit where it has none.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// More is better.
    AtLeast {
        /// Below this the goal is missed.
        must: f64,
        /// This would be good.
        aim: f64,
    },
    /// Less is better.
    AtMost {
        /// Above this the goal is missed.
        must: f64,
        /// This would be good.
        aim: f64,
    },
}

/// What became of a goal.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Aim,
    Must,
    Missed,
}

impl Goal {
    fn verdict(self, value: f64) -> Verdict {
        let reaches = |bound: f64| match self {
            Self::AtLeast { .. } => bound <= value,
            Self::AtMost { .. } => value <= bound,
        };
        let (must, aim) = self.bounds();
        match (reaches(aim), reaches(must)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Must,
            (false, false) => Verdict::Missed,
        }
    }

    fn bounds(self) -> (f64, f64) {
        match self {
            Self::AtLeast { must, aim } | Self::AtMost { must, aim } => (must, aim),
        }
    }

    /// What must be and what would be good, for people.
    fn cells(self) -> (String, String) {
        let sign = match self {
            Self::AtLeast { .. } => '≥',
            Self::AtMost { .. } => '≤',
        };
        let (must, aim) = self.bounds();
        (format!("{sign} {must}"), format!("{sign} {aim}"))
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::Must => "must",
            Self::Missed => "NO",
        }
    }
}

/// What was measured, round by round, and what it was to be.
pub(crate) struct Figure {
    row: Option<u8>,
    name: String,
    unit: &'static str,
    baseline: Option<String>,
    goal: Option<Goal>,
    rounds: Vec<Round>,
}

struct Round {
    baseline: Option<f64>,
    torg: f64,
}

impl Figure {
    /// A figure in `unit` ("/s", "ms", "KiB"), without a number, baseline or goal.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str) -> Self {
        let name = name.into();
        Self { row: None, name, unit, baseline: None, goal: None, rounds: Vec::new() }
    }

    /// Its row in the table of goals, which docs/performance.md explains.
    pub(crate) fn row(mut self, number: u8) -> Self {
        self.row = Some(number);
        self
    }

    /// What the figure is compared with. Its goal is of the ratio then.
    pub(crate) fn beside(mut self, baseline: impl Into<String>) -> Self {
        self.baseline = Some(baseline.into());
        self
    }

    /// The goal, where more is better.
    pub(crate) fn at_least(mut self, must: f64, aim: f64) -> Self {
        self.goal = Some(Goal::AtLeast { must, aim });
        self
    }

    /// The goal, where less is better.
    pub(crate) fn at_most(mut self, must: f64, aim: f64) -> Self {
        self.goal = Some(Goal::AtMost { must, aim });
        self
    }

    /// Adds a round of a figure with a baseline.
    pub(crate) fn add(&mut self, baseline: f64, torg: f64) {
        self.rounds.push(Round { baseline: Some(baseline), torg });
    }

    /// Adds a round of a figure without one.
    pub(crate) fn add_alone(&mut self, torg: f64) {
        self.rounds.push(Round { baseline: None, torg });
    }

    /// Its row in the table of goals.
    pub(crate) fn number(&self) -> Option<u8> {
        self.row
    }

    /// What the rounds say together. None where there was none.
    fn summary(&self) -> Option<Summary> {
        let compared = Spread::of(self.rounds.iter().map(Round::compared))?;
        Some(Summary {
            baseline: Spread::of(self.rounds.iter().filter_map(|round| round.baseline)),
            torg: Spread::of(self.rounds.iter().map(|round| round.torg))?,
            verdict: self.goal.map(|goal| goal.verdict(compared.median)),
            compared,
        })
    }

    /// The cells of its row under [`HEAD`].
    pub(crate) fn cells(&self) -> [String; HEAD.len()] {
        let number = self.row.map_or_else(String::new, |row| row.to_string());
        let baseline = self.baseline.clone().unwrap_or_default();
        let (must, aim) = self.goal.map(Goal::cells).unwrap_or_default();
        let in_unit = |amount: f64| format!("{} {}", rounded(amount), self.unit);
        let Some(Summary { baseline: plain, torg, compared, verdict }) = self.summary() else {
            let no = String::new;
            let name = self.name.clone();
            return [number, name, no(), no(), baseline, no(), no(), must, aim, no()];
        };
        let ratio = plain.as_ref().map(|_| format!("{:.2}", compared.median));
        [
            number,
            self.name.clone(),
            in_unit(torg.median),
            plain.map(|plain| in_unit(plain.median)).unwrap_or_default(),
            baseline,
            ratio.unwrap_or_default(),
            compared.range(),
            must,
            aim,
            verdict.map(Verdict::name).unwrap_or_default().to_owned(),
        ]
    }

    /// All there is to know of it.
    pub(crate) fn json(&self) -> Value {
        let summary = self.summary();
        let rounds = self.rounds.iter();
        let rounds = rounds.map(|round| json!({"baseline": round.baseline, "torg": round.torg}));
        let better = self.goal.map(|goal| match goal {
            Goal::AtLeast { .. } => "larger",
            Goal::AtMost { .. } => "smaller",
        });
        json!({
            "row": self.row,
            "name": self.name,
            "unit": self.unit,
            "baseline": self.baseline,
            "rounds": rounds.collect::<Vec<_>>(),
            "median": summary.as_ref().map(|summary| json!({
                "baseline": summary.baseline.as_ref().map(|spread| spread.median),
                "torg": summary.torg.median,
            })),
            "ratio": summary.as_ref().filter(|summary| summary.baseline.is_some()).map(|summary| json!({
                "median": summary.compared.median,
                "lowest": summary.compared.lowest,
                "highest": summary.compared.highest,
            })),
            "better": better,
            "must": self.goal.map(|goal| goal.bounds().0),
            "aim": self.goal.map(|goal| goal.bounds().1),
            "met": summary.and_then(|summary| summary.verdict).map(Verdict::name),
        })
    }
}

impl Round {
    /// What the goal speaks of.
    fn compared(&self) -> f64 {
        self.baseline.map_or(self.torg, |baseline| self.torg / baseline)
    }
}

/// The columns of a table of figures.
pub(crate) const HEAD: [&str; 10] =
    ["#", "what", "Torg", "baseline", "which is", "ratio", "from to", "must", "aim", "met"];

struct Summary {
    baseline: Option<Spread>,
    torg: Spread,
    /// The ratios, or the amounts where there is no baseline.
    compared: Spread,
    verdict: Option<Verdict>,
}

struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Some(Self { lowest: *values.first()?, median: median(&values)?, highest: *values.last()? })
    }

    fn range(&self) -> String {
        format!("{} to {}", rounded(self.lowest), rounded(self.highest))
    }
}

/// The middle of values that rise, or what lies between the two in the middle. None of no value.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let lower = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(lower.midpoint(*sorted.get(sorted.len() / 2)?))
}

/// As many digits as say something.
fn rounded(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(figure: &Figure, column: &str) -> String {
        let index = HEAD.iter().position(|head| *head == column).unwrap();
        figure.cells()[index].clone()
    }

    #[test]
    fn the_median_of_the_ratios_decides() {
        let mut figure = Figure::new("sends", "/s").row(1).beside("plain").at_least(0.7, 0.95);
        figure.add(100.0, 10.0);
        figure.add(1000.0, 800.0);
        figure.add(10.0, 20.0);
        assert_eq!(cell(&figure, "ratio"), "0.80");
        assert_eq!(cell(&figure, "from to"), "0.10 to 2.00");
        assert_eq!(cell(&figure, "must"), "≥ 0.7");
        assert_eq!(cell(&figure, "met"), "must");
        assert_eq!(figure.json()["met"], "must");
    }

    #[test]
    fn of_two_rounds_neither_decides() {
        let mut figure = Figure::new("p99", "ms").beside("p50").at_most(4.0, 2.5);
        figure.add(10.0, 20.0);
        figure.add(10.0, 60.0);
        assert_eq!(cell(&figure, "Torg"), "40.0 ms");
        assert_eq!(cell(&figure, "ratio"), "4.00");
        assert_eq!(cell(&figure, "met"), "must");
    }

    #[test]
    fn less_may_be_better_and_a_baseline_may_be_missing() {
        let mut figure = Figure::new("memory", "KiB").at_most(16.0, 8.0);
        figure.add_alone(20.0);
        assert_eq!(cell(&figure, "Torg"), "20.0 KiB");
        assert_eq!(cell(&figure, "ratio"), "");
        assert_eq!(cell(&figure, "met"), "NO");
        let mut figure = Figure::new("memory", "KiB").at_most(16.0, 8.0);
        figure.add_alone(8.0);
        assert_eq!(cell(&figure, "met"), "aim");
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        let figure = Figure::new("sends", "/s").beside("plain").at_least(0.7, 0.95);
        assert_eq!(cell(&figure, "met"), "");
        assert!(figure.json()["met"].is_null());
    }
}
