//! What an engine counts for those who watch over it. Labels come from closed sets: memory does not grow with accounts.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::{CommandError, Committed};

/// The upper ends of the classes into which the times of commits fall, in seconds.
const COMMIT_SECONDS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Counters that rise while the engine works.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    commands: Family<CommandLabels, Counter>,
    commit_seconds: Histogram,
    looks: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    outcome: Outcome,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Done,
    Refused,
    Failed,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        };
        name.encode(encoder)
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            commands: Family::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            looks: Counter::default(),
        }
    }

    /// Notes a batch that took `time` to be committed.
    pub(crate) fn note_batch(&self, committed: &Committed, time: Duration) {
        self.commit_seconds.observe(time.as_secs_f64());
        for answer in &committed.answers {
            let outcome = match answer {
                Ok(_) => Outcome::Done,
                Err(CommandError::Denied(_)) => Outcome::Refused,
                Err(CommandError::Store(_)) => Outcome::Failed,
            };
            self.commands.get_or_create(&CommandLabels { outcome }).inc();
        }
    }

    /// Notes a look at the store.
    pub(crate) fn note_look(&self) {
        self.looks.inc();
    }

    /// Shows the counters in `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "commands",
            "Commands that went through the group commit, by what became of them",
            self.commands.clone(),
        );
        registry.register(
            "commit_seconds",
            "How long the batches of the group commit took; their number is that of the batches",
            self.commit_seconds.clone(),
        );
        registry.register(
            "looks",
            "Looks at the store for what no wake-up told",
            self.looks.clone(),
        );
    }
}
