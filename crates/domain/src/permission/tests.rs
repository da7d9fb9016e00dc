//! The windows of the Ozon contract (§5.2, §11.2), at their very edges.

use uuid::Uuid;

use super::*;
use crate::catalog::{Model, Order};
use crate::chat::Seat;
use crate::chat::Turn;
use crate::id::{AccountId, ChatId, OrderId};
use crate::policy::{FileRules, SellerRules, TextRules};

const HOUR: i64 = 3_600_000;
/// When the posting of every case was paid, unless the case says otherwise.
const PAID: i64 = 1_000 * HOUR;

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn policy() -> Policy {
    let windows = Writing::Windows {
        after_delivery: SignedDuration::from_hours(72),
        answer: SignedDuration::from_hours(48),
    };
    let answer = Writing::AnswerWithin(SignedDuration::from_hours(48));
    let opening = Opening::After(SignedDuration::from_hours(72));
    Policy {
        text: TextRules {
            chars_max: 10,
            tidied: false,
            blank_allowed: false,
            control_characters_refused: false,
        },
        files: FileRules { bytes_max: 10, per_message_max: 1, pictures_only: false },
        seller: SellerRules {
            opens_order_chat: PerModel { fbo: Opening::Never, ..PerModel::all(opening) },
            writes: PerModel { fbo: answer, ..PerModel::all(windows) },
            writes_elsewhere: answer,
            ..SellerRules::UNBOUND
        },
    }
}

fn order(model: Model, postings: &[(Option<i64>, Option<i64>, Option<i64>)]) -> OrderFacts {
    let id = OrderId::new(1).unwrap();
    let posting =
        |&(paid, delivered, cancelled): &(Option<i64>, Option<i64>, Option<i64>)| Posting {
            number: "1-1".to_owned(),
            order: id,
            paid_at: paid.map(ms),
            delivered_at: delivered.map(ms),
            cancelled_at: cancelled.map(ms),
        };
    OrderFacts {
        order: Order {
            id,
            seller: AccountId::new(7).unwrap(),
            buyer: AccountId::new(8).unwrap(),
            shop: None,
            number: None,
            created_at: ms(0),
            items: Vec::new(),
        },
        model,
        postings: postings.iter().map(posting).collect(),
    }
}

fn chat(last_buyer_message_at: Option<i64>) -> Chat {
    Chat {
        id: ChatId::new(1).unwrap(),
        public_id: Uuid::nil(),
        seller: Seat::new(AccountId::new(7).unwrap()),
        buyer: Seat::new(AccountId::new(8).unwrap()),
        context: Context::Order(OrderId::new(1).unwrap()),
        order: OrderId::new(1),
        state: State::Open,
        turn: Turn::Nobody,
        created_at: ms(0),
        last_message: None,
        last_buyer_message_at: last_buyer_message_at.map(ms),
        waiting_since: None,
        blocked_by_buyer: false,
    }
}

fn until(at: i64) -> Permission {
    Permission::Allowed { until: Some(ms(at)) }
}

fn sending_closed(at: Option<i64>) -> Permission {
    Permission::Denied(Refusal::SendingWindowClosed { closed_at: at.map(ms) })
}

fn opening_closed(at: Option<i64>) -> Permission {
    Permission::Denied(Refusal::OpeningWindowClosed { closed_at: at.map(ms) })
}

#[test]
fn the_seller_writes_within_closed_windows() {
    let fbs = |postings: &[_]| order(Model::Fbs, postings);
    let delivered = PAID + 100 * HOUR;
    let answered = delivered + 200 * HOUR;
    let cases = [
        ("unpaid", fbs(&[(None, None, None)]), None, PAID, sending_closed(None)),
        ("before payment", fbs(&[(Some(PAID), None, None)]), None, PAID - 1, sending_closed(None)),
        ("at payment", fbs(&[(Some(PAID), None, None)]), None, PAID, Permission::FOR_EVER),
        (
            "undelivered",
            fbs(&[(Some(PAID), None, None)]),
            None,
            PAID + 9_999 * HOUR,
            Permission::FOR_EVER,
        ),
        (
            "72 h after delivery",
            fbs(&[(Some(PAID), Some(delivered), None)]),
            None,
            delivered + 72 * HOUR,
            until(delivered + 72 * HOUR),
        ),
        (
            "a millisecond later",
            fbs(&[(Some(PAID), Some(delivered), None)]),
            None,
            delivered + 72 * HOUR + 1,
            sending_closed(Some(delivered + 72 * HOUR)),
        ),
        (
            "answer at 48 h",
            fbs(&[(Some(PAID), Some(delivered), None)]),
            Some(answered),
            answered + 48 * HOUR,
            until(answered + 48 * HOUR),
        ),
        (
            "answer too late",
            fbs(&[(Some(PAID), Some(delivered), None)]),
            Some(answered),
            answered + 48 * HOUR + 1,
            sending_closed(Some(answered + 48 * HOUR)),
        ),
        (
            "union of two postings",
            fbs(&[(Some(PAID), Some(delivered), None), (Some(PAID), None, None)]),
            None,
            delivered + 999 * HOUR,
            Permission::FOR_EVER,
        ),
        (
            "cancelled: own windows close",
            fbs(&[(Some(PAID), None, Some(PAID + HOUR))]),
            None,
            PAID + HOUR,
            sending_closed(None),
        ),
        (
            "cancelled: the answer stays",
            fbs(&[(Some(PAID), None, Some(PAID + HOUR))]),
            Some(PAID),
            PAID + 2 * HOUR,
            until(PAID + 48 * HOUR),
        ),
        (
            "FBO: only answers",
            order(Model::Fbo, &[(Some(PAID), None, None)]),
            None,
            PAID,
            sending_closed(None),
        ),
        (
            "FBO: an answer",
            order(Model::Fbo, &[(Some(PAID), None, None)]),
            Some(PAID),
            PAID + 48 * HOUR,
            until(PAID + 48 * HOUR),
        ),
    ];
    for (name, order, buyer_wrote_at, now, expected) in cases {
        let permission =
            may_write(&chat(buyer_wrote_at), Some(&order), Side::Seller, &policy(), ms(now));
        assert_eq!(permission, expected, "{name}");
        let buyer = may_write(&chat(buyer_wrote_at), Some(&order), Side::Buyer, &policy(), ms(now));
        assert_eq!(buyer, Permission::FOR_EVER, "{name}: windows concern the seller only");
    }
}

#[test]
fn the_seller_begins_within_72_hours_of_payment_or_delivery() {
    let delivered = PAID + 100 * HOUR;
    let fbs = order(Model::Fbs, &[(Some(PAID), Some(delivered), None)]);
    let cases = [
        ("before payment", PAID - 1, opening_closed(None)),
        ("at payment", PAID, until(PAID + 72 * HOUR)),
        ("72 h after payment", PAID + 72 * HOUR, until(PAID + 72 * HOUR)),
        ("between the windows", PAID + 72 * HOUR + 1, opening_closed(Some(PAID + 72 * HOUR))),
        ("at delivery", delivered, until(delivered + 72 * HOUR)),
        ("72 h after delivery", delivered + 72 * HOUR, until(delivered + 72 * HOUR)),
        ("too late", delivered + 72 * HOUR + 1, opening_closed(Some(delivered + 72 * HOUR))),
    ];
    for (name, now, expected) in cases {
        assert_eq!(
            seller_may_open(chat(None).context, Some(&fbs), &policy(), ms(now)),
            expected,
            "{name}"
        );
    }
    let fbo = order(Model::Fbo, &[(Some(PAID), None, None)]);
    let Permission::Denied(Refusal::OpeningNotAllowed { model, allowed }) =
        seller_may_open(chat(None).context, Some(&fbo), &policy(), ms(PAID))
    else {
        panic!("a seller never begins with FBO")
    };
    assert_eq!(model, Some(Model::Fbo));
    assert_eq!(allowed, [Model::Fbs, Model::Rfbs, Model::Dbs, Model::Express, Model::Laas]);
}

#[test]
fn the_state_of_the_chat_comes_before_every_window() {
    let open_for_ever = order(Model::Fbs, &[(Some(PAID), None, None)]);
    let in_state = |state| Chat { state, ..chat(None) };
    let cases = [
        (in_state(State::Closed), Side::Seller, Permission::Denied(Refusal::ChatClosed)),
        (in_state(State::Closed), Side::Buyer, Permission::FOR_EVER),
        (in_state(State::Settled), Side::Seller, Permission::Denied(Refusal::DisputeEnded)),
        (in_state(State::Settled), Side::Buyer, Permission::Denied(Refusal::DisputeEnded)),
        (in_state(State::Disputed), Side::Seller, Permission::FOR_EVER),
        (
            Chat { blocked_by_buyer: true, ..chat(None) },
            Side::Seller,
            Permission::Denied(Refusal::BlockedByBuyer),
        ),
        (Chat { blocked_by_buyer: true, ..chat(None) }, Side::Buyer, Permission::FOR_EVER),
    ];
    for (chat, side, expected) in cases {
        let permission = may_write(&chat, Some(&open_for_ever), side, &policy(), ms(PAID));
        assert_eq!(permission, expected, "{side:?} in {:?}", chat.state);
    }
}
