//! What the stories are made of: small numbers, so that the same accounts, chats and keys meet again and again.

use std::sync::Arc;

use domain::attachment::File;
use domain::batch::{Batch, Submission};
use domain::chat::{ActingAs, Actor, Side, Turn};
use domain::commands::{
    AttachFile, Attached, Command, Dispute, Draft, EditMessage, Editor, HideChat, IdempotencyKey,
    MarkDelivered, MarkRead, MarketplaceRole, OpenChat, PostAsMarketplace, PostMessage, SetBlock,
    SteerChat, Steering, Subject,
};
use domain::id::{AccountId, AttachmentId, ChatId, MessageId, OrderId, ProductId, ReturnId};
use domain::policy::{FileRules, Opening, PerModel, Policy, SellerRules, TextRules, Writing};
use domain::text::Text;
use domain::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use crate::memory::Memory;

/// Some commands that arrive together, some time after those before them.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) later: SignedDuration,
    commands: Vec<Move>,
    policy: Index,
}

/// One command, with a chat and a message still to be chosen among those that exist by then.
#[derive(Clone, Debug)]
struct Move {
    kind: u8,
    account: i64,
    as_seller: bool,
    chat: Index,
    message: Index,
    number: i64,
    key: Option<u8>,
    guess: bool,
}

pub(crate) fn account(number: i64) -> AccountId {
    AccountId::new(number).unwrap()
}

/// 1 sells, 2 sells nothing, 3 buys, 4 is a stranger, 5 does not exist.
pub(crate) fn accounts() -> impl Iterator<Item = AccountId> {
    (1..=5).map(account)
}

pub(crate) fn policies() -> Vec<Arc<Policy>> {
    let text = TextRules {
        chars_max: 20,
        tidied: false,
        blank_allowed: false,
        control_characters_refused: false,
    };
    let files = FileRules { bytes_max: 100, per_message_max: 2, pictures_only: false };
    let hours = SignedDuration::from_hours;
    let answer = Writing::AnswerWithin(hours(48));
    let bound = SellerRules {
        opens_order_chat: PerModel {
            fbo: Opening::Never,
            ..PerModel::all(Opening::After(hours(72)))
        },
        opens_return_chat: PerModel { dbs: Opening::Never, ..PerModel::all(Opening::Always) },
        opens_other_chat: false,
        writes: PerModel {
            fbo: answer,
            ..PerModel::all(Writing::Windows { after_delivery: hours(72), answer: hours(48) })
        },
        writes_elsewhere: answer,
        opening_reopens: true,
    };
    let free = SellerRules { opens_other_chat: true, ..SellerRules::UNBOUND };
    [bound, free].into_iter().map(|seller| Arc::new(Policy { text, files, seller })).collect()
}

pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let later = prop_oneof![3 => 0..10_000_i64, 1 => 0..200 * 3_600_000_i64];
    (later, prop::collection::vec(moves(), 1..4), any::<Index>()).prop_map(
        |(later, commands, policy)| Step {
            later: SignedDuration::from_millis(later),
            commands,
            policy,
        },
    )
}

fn moves() -> impl Strategy<Value = Move> {
    let account = prop_oneof![4 => Just(1_i64), 4 => Just(3), 1 => Just(2), 1 => Just(4)];
    (
        0..27_u8,
        account,
        prop::bool::weighted(0.2),
        any::<Index>(),
        any::<Index>(),
        1..8_i64,
        prop::option::weighted(0.2, 0..3_u8),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(kind, account, as_seller, chat, message, number, key, guess)| Move {
            kind,
            account,
            as_seller,
            chat,
            message,
            number,
            key,
            guess,
        })
}

impl Step {
    pub(crate) fn batch(&self, memory: &Memory, policies: &[Arc<Policy>], now: Timestamp) -> Batch {
        let policy = self.policy.get(policies);
        let submissions = self
            .commands
            .iter()
            .map(|next| Submission { command: next.command(memory), policy: Arc::clone(policy) })
            .collect();
        Batch { submissions, now }
    }
}

impl Move {
    fn actor(&self) -> Actor {
        let acting_as = if self.as_seller { ActingAs::Seller } else { ActingAs::EitherSide };
        Actor { account: account(self.account), member: None, acting_as }
    }

    /// A chat that exists, or sometimes a number that may not.
    fn chat(&self, memory: &Memory) -> ChatId {
        let mut ids: Vec<_> = memory.chats.keys().copied().collect();
        ids.sort_unstable();
        if ids.is_empty() || self.guess {
            ChatId::new(self.number).unwrap()
        } else {
            *self.chat.get(&ids)
        }
    }

    /// A message that exists, or an id between or beyond.
    fn message(&self, memory: &Memory) -> MessageId {
        let ids: Vec<_> = memory.messages.iter().map(|message| message.id.get()).collect();
        let id = if ids.is_empty() { 1 } else { *self.message.get(&ids) };
        MessageId::new(if self.guess { id + self.number - 4 } else { id }.max(1)).unwrap()
    }

    /// Mostly an edit of a message in its own chat, to one of few texts, so that some say what was said before.
    fn edit(&self, memory: &Memory, editor: Editor) -> Command {
        let message = self.message(memory);
        let at_home = memory.messages.iter().find(|known| known.id == message);
        let chat = at_home.filter(|_| !self.guess).map_or_else(|| self.chat(memory), |it| it.chat);
        let text = Text::new(&format!("text {}", self.number), &policies()[0].text).unwrap();
        Command::EditMessage(EditMessage { editor, chat, message, text })
    }

    fn draft(&self, memory: &Memory) -> Draft {
        let policy = &policies()[0];
        let attachments = match self.number {
            1 => vec![Attached::New(file())],
            2 => vec![Attached::New(file()), Attached::New(file())],
            3 => memory
                .attachments
                .keys()
                .min()
                .map(|&id| Attached::Stored(id))
                .into_iter()
                .collect(),
            4 if self.guess => vec![Attached::Stored(AttachmentId::new(9).unwrap())],
            _ => Vec::new(),
        };
        Draft {
            text: Text::new(&format!("text {}", self.number), &policy.text).ok(),
            attachments,
            idempotency_key: self.key.map(|key| IdempotencyKey {
                key: key.to_string(),
                fingerprint: [u8::from(self.guess); 32],
            }),
            if_last_message: (self.number == 5).then(|| Some(self.message(memory))),
        }
    }

    fn subject(&self) -> Subject {
        match self.number {
            1 => Subject::Product(ProductId::new(1).unwrap(), None),
            2 => Subject::Product(
                ProductId::new(1 + i64::from(self.guess)).unwrap(),
                Some(account(3)),
            ),
            3 => Subject::Posting("2-1".to_owned()),
            4 => Subject::Return(ReturnId::new(3).unwrap()),
            5 => Subject::Account {
                other: account(if self.guess { 5 } else { 3 }),
                as_side: Side::Seller,
            },
            other => Subject::Order(OrderId::new(other - 4).unwrap()),
        }
    }

    fn command(&self, memory: &Memory) -> Command {
        let (actor, chat) = (self.actor(), self.chat(memory));
        match self.kind {
            0..=3 => Command::OpenChat(OpenChat {
                actor,
                subject: self.subject(),
                public_id: Uuid::nil(),
                first_message: self.kind.is_multiple_of(2).then(|| self.draft(memory)),
            }),
            4..=10 => Command::PostMessage(PostMessage { actor, chat, draft: self.draft(memory) }),
            11 => Command::PostAsMarketplace(PostAsMarketplace {
                chat,
                role: [MarketplaceRole::Support, MarketplaceRole::Arbiter, MarketplaceRole::Market]
                    [usize::try_from(self.number % 3).unwrap()],
                draft: self.draft(memory),
                asks: [None, Some(Side::Seller), Some(Side::Buyer)]
                    [usize::from(self.key.unwrap_or(0))],
            }),
            12..=14 => {
                let up_to = (self.number != 1).then(|| self.message(memory));
                Command::MarkRead(MarkRead { actor, chat, up_to })
            }
            15 => {
                Command::MarkDelivered(MarkDelivered { actor, chat, up_to: self.message(memory) })
            }
            16 => Command::HideChat(HideChat { actor, chat }),
            17 => Command::SetBlock(SetBlock { actor, chat, blocked: self.number < 5 }),
            18 => Command::SteerChat(SteerChat { chat, steering: Steering::Close }),
            19 => Command::SteerChat(SteerChat { chat, steering: Steering::Reopen }),
            20 => {
                Command::SteerChat(SteerChat { chat, steering: Steering::PassTurn(Turn::Market) })
            }
            21 => Command::Dispute(match self.number {
                1 => Dispute::StartAboutOrder {
                    order: OrderId::new(5).unwrap(),
                    public_id: Uuid::nil(),
                },
                2 => Dispute::StartAboutReturn {
                    return_id: ReturnId::new(6).unwrap(),
                    public_id: Uuid::nil(),
                },
                _ => Dispute::StartInChat(chat),
            }),
            22 => Command::Dispute(Dispute::End(chat)),
            23 | 24 => self.edit(memory, Editor::Account(actor)),
            25 => self.edit(memory, Editor::Marketplace),
            _ => Command::AttachFile(AttachFile { owner: account(self.account), file: file() }),
        }
    }
}

fn file() -> File {
    File {
        name: "photo.png".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: 100,
        hash: [1; 32],
        is_picture: true,
        pixels: None,
    }
}
