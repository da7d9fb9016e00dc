//! All that a run has found: one table for people, and the same for programs.

use std::fmt;

use serde_json::{Value, json};

use crate::effort::Effort;
use crate::figure::{Figure, HEAD};
use crate::machine::Machine;

/// What the parts have found up to now.
pub(crate) struct Report {
    effort: Effort,
    machine: Machine,
    conditions: Vec<String>,
    figures: Vec<Figure>,
    skipped: Vec<Skipped>,
    remarks: Vec<String>,
    failures: Vec<String>,
}

/// A figure that could not be measured here.
struct Skipped {
    row: u8,
    name: String,
    why: String,
}

impl Report {
    /// A report on nothing.
    pub(crate) fn new(effort: Effort, machine: Machine) -> Self {
        Self {
            effort,
            machine,
            conditions: Vec::new(),
            figures: Vec::new(),
            skipped: Vec::new(),
            remarks: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Says under which settings and load a part measures. Stands before the table.
    pub(crate) fn condition(&mut self, text: impl Into<String>) {
        self.conditions.push(text.into());
    }

    /// Adds what was measured.
    pub(crate) fn add(&mut self, figure: Figure) {
        let cells = figure.cells();
        let cells = cells.iter().map(String::as_str).filter(|cell| !cell.is_empty());
        progress(&cells.collect::<Vec<_>>().join(" | "));
        self.figures.push(figure);
    }

    /// Says why a row of the table of goals was not measured.
    pub(crate) fn skip(&mut self, row: u8, name: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skipped { row, name: name.into(), why: why.into() });
    }

    /// Adds what else was seen. Stands behind the table.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Says why a part did not come to its end.
    pub(crate) fn fail(&mut self, part: &str, failure: &anyhow::Error) {
        let failure = format!("{part} failed: {failure:#}");
        progress(&failure);
        self.failures.push(failure);
    }

    /// Whether every part came to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    /// All of it, for programs.
    pub(crate) fn json(&self) -> Value {
        let skipped = self.skipped.iter();
        let skipped = skipped.map(|s| json!({"row": s.row, "name": s.name, "why": s.why}));
        json!({
            "effort": self.effort.pick("quick", "full"),
            "machine": self.machine.json(),
            "conditions": self.conditions,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "skipped": skipped.collect::<Vec<_>>(),
            "remarks": self.remarks,
            "failures": self.failures,
        })
    }

    /// The rows in the order of their numbers; those without one are the last.
    fn rows(&self) -> Vec<[String; HEAD.len()]> {
        let figures = self.figures.iter().map(|figure| (figure.number(), figure.cells()));
        let skipped = self.skipped.iter().map(|skipped| {
            let mut cells = [const { String::new() }; HEAD.len()];
            cells[0] = skipped.row.to_string();
            cells[1] = format!("{}: skipped, {}", skipped.name, skipped.why);
            (Some(skipped.row), cells)
        });
        let mut rows: Vec<_> = figures.chain(skipped).collect();
        rows.sort_by_key(|(number, _)| number.unwrap_or(u8::MAX));
        rows.into_iter().map(|(_, cells)| cells).collect()
    }
}

/// Tells whoever waits how far it is. Not part of what is found.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.machine.lines().iter().chain(&self.conditions) {
            writeln!(f, "{line}")?;
        }
        writeln!(f)?;
        table(f, &self.rows())?;
        writeln!(f)?;
        for remark in self.remarks.iter().chain(&self.failures) {
            writeln!(f, "- {remark}")?;
        }
        Ok(())
    }
}

/// In Markdown, and in columns.
fn table(f: &mut fmt::Formatter<'_>, rows: &[[String; HEAD.len()]]) -> fmt::Result {
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|cells| cells[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    });
    let mut line = |cells: &[String; HEAD.len()]| {
        for (cell, width) in cells.iter().zip(widths) {
            write!(f, "| {cell:width$} ")?;
        }
        writeln!(f, "|")
    };
    line(&HEAD.map(str::to_owned))?;
    line(&widths.map(|width| "-".repeat(width)))?;
    rows.iter().try_for_each(line)
}
