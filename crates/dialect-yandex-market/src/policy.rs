//! The marketplace's rules, as data, and its words for the fulfilment models.

use domain::catalog::Model;
use domain::policy::{FileRules, Opening, PerModel, Policy, SellerRules, TextRules, Writing};

use crate::settings::Settings;

/// The longest text of a message, in code points (contract §7.6).
pub(crate) const TEXT_CHARS_MAX: usize = 4096;

/// The largest file, in bytes, inclusive (contract §9 row 30).
pub(crate) const FILE_BYTES_MAX: u64 = 5_242_880;

/// The rules by which this wire's requests are decided (contract §9 rows 2 to 4, 12, 29, 30).
pub fn policy(_settings: &Settings) -> Policy {
    Policy {
        text: TextRules {
            chars_max: TEXT_CHARS_MAX,
            tidied: false,
            blank_allowed: true,
            control_characters_refused: false,
        },
        files: FileRules { bytes_max: FILE_BYTES_MAX, per_message_max: 1, pictures_only: false },
        seller: SellerRules {
            opens_order_chat: PerModel { laas: Opening::Never, ..PerModel::all(Opening::Always) },
            opens_return_chat: PerModel {
                fbo: Opening::Always,
                fbs: Opening::Always,
                express: Opening::Always,
                ..PerModel::all(Opening::Never)
            },
            opens_other_chat: false,
            writes: PerModel::all(Writing::Always),
            writes_elsewhere: Writing::Always,
            opening_reopens: false,
        },
    }
}

/// The type of a campaign (a shop), in the order in which the wire lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CampaignType {
    Fby,
    Fbs,
    Express,
    Dbs,
    Laas,
}

impl CampaignType {
    pub(crate) fn of(model: Model) -> Self {
        match model {
            Model::Fbo => Self::Fby,
            Model::Fbs => Self::Fbs,
            // To the seller it is the same: they deliver themselves.
            Model::Rfbs | Model::Dbs => Self::Dbs,
            Model::Express => Self::Express,
            Model::Laas => Self::Laas,
        }
    }

    /// As refusals name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fby => "FBY",
            Self::Fbs => "FBS",
            Self::Express => "EXPRESS",
            Self::Dbs => "DBS",
            Self::Laas => "LAAS",
        }
    }

    /// As the list of campaigns names it, where Express counts as FBS (contract §11).
    pub(crate) fn placement(self) -> &'static str {
        match self {
            Self::Express => Self::Fbs.name(),
            Self::Fby | Self::Fbs | Self::Dbs | Self::Laas => self.name(),
        }
    }

    /// The types of `models` as a list for people, each once.
    pub(crate) fn list(models: &[Model]) -> String {
        let mut types: Vec<_> = models.iter().map(|&model| Self::of(model)).collect();
        types.sort_unstable();
        types.dedup();
        types.into_iter().map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_are_listed_once_and_in_the_wire_s_order() {
        let seller = policy(&Settings::default()).seller;
        assert_eq!(CampaignType::list(&seller.opens_return_chat.models()), "FBY, FBS, EXPRESS");
        assert_eq!(CampaignType::list(&seller.opens_order_chat.models()), "FBY, FBS, EXPRESS, DBS");
    }
}
