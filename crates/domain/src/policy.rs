//! What differs between marketplaces, as data.

use crate::SignedDuration;
use crate::catalog::Model;

/// The rules of one door to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Bounds of a message's text.
    pub text: TextRules,
    /// Bounds of an attached file.
    pub files: FileRules,
    /// What binds the seller. The buyer may always begin a chat and may always write, unless the chat is settled.
    pub seller: SellerRules,
}

/// Bounds of a message's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// The longest text, in code points.
    pub chars_max: usize,
    /// Whether white space at the ends is cut off and line breaks become line feeds; else the text is kept verbatim.
    pub tidied: bool,
    /// Whether a text of white space alone is accepted.
    pub blank_allowed: bool,
    /// Whether control characters other than tab and line feed are refused. NUL always is.
    pub control_characters_refused: bool,
}

/// Bounds of an attached file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRules {
    /// The largest file, in bytes.
    pub bytes_max: u64,
    /// How many files one message may carry.
    pub per_message_max: usize,
    /// Whether only pictures are accepted, which are then made anew so that nothing hidden remains in them.
    pub pictures_only: bool,
}

/// What binds the seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SellerRules {
    /// When the seller may begin a chat about an order.
    pub opens_order_chat: PerModel<Opening>,
    /// When the seller may begin a chat about a return.
    pub opens_return_chat: PerModel<Opening>,
    /// Whether the seller may begin a chat about a product, or about nothing in particular.
    pub opens_other_chat: bool,
    /// When the seller may write in a chat about an order or a return.
    pub writes: PerModel<Writing>,
    /// When the seller may write in any other chat.
    pub writes_elsewhere: Writing,
    /// Whether beginning a chat that is closed opens it again; what cannot be opened again is then refused.
    pub opening_reopens: bool,
}

/// When a chat may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Never: only the buyer begins.
    Never,
    /// At any time.
    Always,
    /// For this long after a posting was paid, and again after it was delivered.
    After(SignedDuration),
}

/// When a message may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// At any time.
    Always,
    /// Only for this long after the buyer's latest message.
    AnswerWithin(SignedDuration),
    /// From payment on until `after_delivery` has passed; later only as an answer, within `answer`.
    Windows {
        /// How long after the delivery.
        after_delivery: SignedDuration,
        /// How long after the buyer's latest message.
        answer: SignedDuration,
    },
}

/// One value for each fulfilment model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerModel<T> {
    /// See [`Model::Fbo`].
    pub fbo: T,
    /// See [`Model::Fbs`].
    pub fbs: T,
    /// See [`Model::Rfbs`].
    pub rfbs: T,
    /// See [`Model::Dbs`].
    pub dbs: T,
    /// See [`Model::Express`].
    pub express: T,
    /// See [`Model::Laas`].
    pub laas: T,
}

impl<T: Copy> PerModel<T> {
    /// The same value for all.
    pub const fn all(value: T) -> Self {
        Self { fbo: value, fbs: value, rfbs: value, dbs: value, express: value, laas: value }
    }

    /// The value that `of` gives for each.
    pub fn each(of: impl Fn(Model) -> T) -> Self {
        Self {
            fbo: of(Model::Fbo),
            fbs: of(Model::Fbs),
            rfbs: of(Model::Rfbs),
            dbs: of(Model::Dbs),
            express: of(Model::Express),
            laas: of(Model::Laas),
        }
    }

    /// The value for `model`.
    pub const fn get(&self, model: Model) -> T {
        match model {
            Model::Fbo => self.fbo,
            Model::Fbs => self.fbs,
            Model::Rfbs => self.rfbs,
            Model::Dbs => self.dbs,
            Model::Express => self.express,
            Model::Laas => self.laas,
        }
    }
}

impl PerModel<Opening> {
    /// The models with which the seller may begin at some time.
    pub fn models(&self) -> Vec<Model> {
        Model::ALL.into_iter().filter(|&model| self.get(model) != Opening::Never).collect()
    }
}

impl SellerRules {
    /// The seller may begin chats about orders and returns, and write whenever.
    pub const UNBOUND: Self = Self {
        opens_order_chat: PerModel::all(Opening::Always),
        opens_return_chat: PerModel::all(Opening::Always),
        opens_other_chat: false,
        writes: PerModel::all(Writing::Always),
        writes_elsewhere: Writing::Always,
        opening_reopens: false,
    };
}
