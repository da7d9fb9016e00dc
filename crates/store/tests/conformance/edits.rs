//! Replaced texts of messages.

use domain::chat::Side;
use domain::commands::{
    Answer, Attached, Command, Draft, EditMessage, Editor, IdempotencyKey, MarketplaceRole,
    PostAsMarketplace,
};
use domain::event::EntryKind;
use domain::id::{AccountId, ChatId, MessageId};
use domain::message::Message;
use domain::refusal::{Denied, Missing, Refusal};
use engine::store::{CommandError, Store};

use crate::search::{at_once_and_later, everywhere, texts, within};
use crate::setup::{
    Place, a_chat, actor, at, batch, buyer, draft, history, message_id, picture, post_draft,
    posted, run, say, seller, stranger,
};

/// The command to let a message of `editor` say `text`.
fn edit(editor: Editor, message: &Message, text: &str) -> Command {
    edit_at(editor, message.chat, message.id, text)
}

fn edit_at(editor: Editor, chat: ChatId, message: MessageId, text: &str) -> Command {
    let text = draft(text).text.unwrap();
    Command::EditMessage(EditMessage { editor, chat, message, text })
}

fn by(account: AccountId) -> Editor {
    Editor::Account(actor(account))
}

/// Lets a message say `text`, and answers it as it is then.
async fn edited(
    store: &dyn Store,
    editor: Editor,
    message: &Message,
    text: &str,
    second: i64,
) -> Message {
    match run(store, edit(editor, message, text), at(second)).await {
        Ok(Answer::Edited { message, .. }) => *message,
        other => panic!("not edited: {other:?}"),
    }
}

pub(crate) async fn an_edit_replaces_the_text_and_moves_nothing_else(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let file = picture("фара.png");
    let photo = Draft { attachments: vec![Attached::New(file)], ..draft("такая") };
    let photo = posted(run(&*store, post_draft(buyer(), chat, photo), at(1)).await).0;
    let answer = say(&*store, seller(), chat, "есть", 2).await;
    let before = store.chat(chat).await.unwrap();
    let unread = store.unread(seller()).await.unwrap();

    let changed = edited(&*store, by(buyer()), &photo, "вот такая", 3).await;
    let expected =
        Message {
            text: Some("вот такая".to_owned()), edited_at: Some(at(3)), ..photo.clone()
        };
    assert_eq!(changed, expected);
    let moderated = edited(&*store, Editor::Marketplace, &answer, "***", 4).await;
    let same = edited(&*store, by(seller()), &answer, "***", 5).await;
    assert_eq!(same, moderated, "the same text once more is no edit");
    drop(store);

    let store = place.open().await;
    assert_eq!(history(&*store, chat).await, [changed.clone(), moderated]);
    let found = store.messages_by_id(&[(chat, photo.id)]).await.unwrap();
    assert_eq!(found, [changed]);
    assert_eq!(store.chat(chat).await.unwrap(), before);
    assert_eq!(store.unread(seller()).await.unwrap(), unread);
    for account in [seller(), buyer()] {
        let log = store.log(account, 3, 10).await.unwrap();
        let entries: Vec<_> = log
            .entries
            .iter()
            .map(|logged| (logged.entry.kind, logged.entry.message, logged.entry.side))
            .collect();
        let updated = EntryKind::MessageUpdated;
        let expected =
            [(updated, Some(photo.id), Some(Side::Buyer)), (updated, Some(answer.id), None)];
        assert_eq!(entries, expected);
    }
}

pub(crate) async fn a_refused_edit_leaves_no_trace(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let message = say(&*store, buyer(), chat, "вопрос", 1).await;
    let absent = message_id(message.id.get() + 1);
    let commands = [
        edit(by(seller()), &message, "иначе"),
        edit(by(stranger()), &message, "иначе"),
        edit_at(by(buyer()), chat, absent, "иначе"),
        edit_at(Editor::Marketplace, ChatId::new(404).unwrap(), message.id, "иначе"),
    ];
    let answers = store.commit(batch(commands, at(2))).await.answers;
    let denied: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer {
            Err(CommandError::Denied(denied)) => denied,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        Denied::Refused(Refusal::NotYourMessage),
        Denied::NotFound(Missing::Chat),
        Denied::NotFound(Missing::Message),
        Denied::NotFound(Missing::Chat),
    ];
    assert_eq!(denied, expected);
    assert_eq!(history(&*store, chat).await, [message]);
    for account in [seller(), buyer()] {
        assert_eq!(store.log(account, 0, 10).await.unwrap().newest, 2);
    }
}

pub(crate) async fn a_repeated_key_gives_the_message_as_it_is_now(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] };
    let once = Draft { idempotency_key: Some(key), ..draft("раз") };
    let post = post_draft(buyer(), chat, once);
    let first = posted(run(&*store, post.clone(), at(1)).await).0;
    // In one batch, and in the next one.
    let again = [post.clone(), edit(by(buyer()), &first, "два"), post.clone()];
    let mut answers = store.commit(batch(again, at(2))).await.answers;
    let texts =
        [answers.remove(0), answers.remove(1), run(&*store, post, at(3)).await].map(|answer| {
            match posted(answer) {
                (message, true) => message.text.unwrap(),
                (message, false) => panic!("made twice: {message:?}"),
            }
        });
    assert_eq!(texts, ["раз", "два", "два"]);
}

pub(crate) async fn the_new_text_is_found_and_the_old_one_is_not(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let question = say(&*store, buyer(), chat, "фара левая", 1).await;
    let robot = PostAsMarketplace {
        chat,
        role: MarketplaceRole::Market,
        draft: draft("автоответ"),
        asks: None,
    };
    let robot = posted(run(&*store, Command::PostAsMarketplace(robot), at(2)).await).0;
    let last = say(&*store, seller(), chat, "какая фара?", 3).await;
    let check = async |needle: &str, expected: &[&str]| {
        for query in [everywhere(seller(), needle), within(buyer(), chat, needle)] {
            assert_eq!(texts(&*store, &query).await, expected, "{query:?}");
        }
        assert_eq!(texts(&*store, &everywhere(stranger(), needle)).await, [""; 0]);
    };

    at_once_and_later(async || check("фара", &["какая фара?", "фара левая"]).await).await;
    edited(&*store, by(buyer()), &question, "зеркало", 4).await;
    edited(&*store, Editor::Marketplace, &robot, "зеркало робота", 5).await;
    at_once_and_later(async || {
        check("фара", &["какая фара?"]).await;
        check("зеркало", &["зеркало"]).await;
    })
    .await;
    // Once more the same message, and one whose old text still stands in its new one.
    edited(&*store, by(buyer()), &question, "фара левая", 6).await;
    edited(&*store, by(seller()), &last, "какая фара? левая?", 7).await;
    at_once_and_later(async || {
        check("фара", &["какая фара? левая?", "фара левая"]).await;
        check("зеркало", &[]).await;
    })
    .await;
    drop(store);
}

pub(crate) async fn a_file_that_gets_a_text_is_found_by_it(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let file = picture("фара.png");
    let photo = posted(run(&*store, post_draft(buyer(), chat, Draft::file(file)), at(1)).await).0;
    // A newer message takes the index past the file.
    say(&*store, buyer(), chat, "смотрите", 2).await;
    at_once_and_later(async || {
        assert_eq!(texts(&*store, &everywhere(seller(), "трещина")).await, [""; 0]);
    })
    .await;
    edited(&*store, by(buyer()), &photo, "тут трещина", 3).await;
    at_once_and_later(async || {
        assert_eq!(texts(&*store, &everywhere(seller(), "трещина")).await, ["тут трещина"]);
    })
    .await;
}

pub(crate) async fn edited_messages_are_found_in_their_place(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let mut messages = Vec::new();
    for second in 1..=12 {
        let text = if second % 2 == 0 { "фара" } else { "руль" };
        let text = format!("{text} {second}");
        messages.push(say(&*store, buyer(), chat, &text, second).await);
    }
    // So that an index knows the texts before they are replaced.
    at_once_and_later(async || {
        assert_eq!(texts(&*store, &everywhere(seller(), "фара")).await.len(), 6);
    })
    .await;
    for (second, message) in (1..=12).zip(&messages) {
        if second % 3 == 0 {
            let text = if second % 2 == 0 { "руль" } else { "фара" };
            edited(&*store, by(buyer()), message, &format!("{text} {second}"), 20).await;
        }
    }
    at_once_and_later(async || {
        let mut query = engine::store::SearchQuery { limit: 2, ..everywhere(seller(), "ФАРА") };
        let mut walked = Vec::new();
        loop {
            let page = store.search(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            query.before = Some(last.id);
            walked.extend(page.into_iter().filter_map(|message| message.text));
        }
        assert_eq!(walked, ["фара 10", "фара 9", "фара 8", "фара 4", "фара 3", "фара 2"]);
    })
    .await;
}
