//! Files of messages.

use domain::attachment::{Attachment, File};
use domain::commands::{Answer, AttachFile, Attached, Command, Draft, IdempotencyKey};
use domain::id::{AccountId, AttachmentId};
use domain::refusal::{Denied, Missing};
use engine::store::{CommandError, Store};

use crate::setup::{
    Place, a_chat, at, batch, buyer, draft, history, picture, post_draft, posted, run, say, seller,
};

async fn attach(store: &dyn Store, owner: AccountId, name: &str) -> Attachment {
    let command = Command::AttachFile(AttachFile { owner, file: picture(name) });
    match run(store, command, at(1)).await {
        Ok(Answer::Attached(attachment)) => *attachment,
        other => panic!("{other:?}"),
    }
}

fn with(files: impl IntoIterator<Item = AttachmentId>) -> Draft {
    Draft { attachments: files.into_iter().map(Attached::Stored).collect(), ..Draft::default() }
}

pub(crate) async fn a_file_is_claimed_once(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let waiting = attach(&*store, buyer(), "фара.png").await;
    assert_eq!(store.attachment(waiting.id).await.unwrap(), Some(waiting.clone()));
    assert_eq!((waiting.owner, waiting.message), (buyer(), None));
    let in_chat = store.attachment_in_chat(waiting.id).await.unwrap();
    assert_eq!(in_chat, Some((waiting.clone(), None)));
    let unknown = AttachmentId::new(waiting.id.get() + 1).unwrap();
    assert_eq!(store.attachment_in_chat(unknown).await.unwrap(), None);

    let foreign = run(&*store, post_draft(seller(), chat, with([waiting.id])), at(2)).await;
    let missing = CommandError::Denied(Denied::NotFound(Missing::Attachment));
    assert_eq!(format!("{:?}", foreign.unwrap_err()), format!("{missing:?}"));

    let twice = [0, 1].map(|_| post_draft(buyer(), chat, with([waiting.id])));
    let mut answers = store.commit(batch(twice, at(3))).await.answers;
    assert!(answers.remove(1).is_err());
    let (message, _) = posted(answers.remove(0));
    assert!(run(&*store, post_draft(buyer(), chat, with([waiting.id])), at(4)).await.is_err());

    let claimed = Attachment { message: Some((chat, message.id)), ..waiting };
    assert_eq!(message.attachments, std::slice::from_ref(&claimed));
    assert_eq!(store.attachment(claimed.id).await.unwrap(), Some(claimed.clone()));
    let whole_chat = store.chat(chat).await.unwrap();
    assert!(whole_chat.is_some());
    let in_chat = store.attachment_in_chat(claimed.id).await.unwrap();
    assert_eq!(in_chat, Some((claimed, whole_chat)));
    assert_eq!(history(&*store, chat).await, [message]);
}

pub(crate) async fn files_keep_the_order_of_their_message(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let first = attach(&*store, buyer(), "1").await;
    let second = attach(&*store, buyer(), "2").await;
    say(&*store, buyer(), chat, "до", 1).await;
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: [0; 32] };
    let mixed = Draft {
        attachments: vec![
            Attached::Stored(second.id),
            Attached::New(File { pixels: None, is_picture: false, ..picture("new") }),
            Attached::Stored(first.id),
        ],
        idempotency_key: Some(key),
        ..draft("с файлами")
    };
    let (message, _) = posted(run(&*store, post_draft(buyer(), chat, mixed.clone()), at(2)).await);
    let names: Vec<_> = message.attachments.iter().map(|a| a.file.name.as_str()).collect();
    assert_eq!(names, ["2", "new", "1"]);
    // Two messages of one batch with files of their own.
    let commands = [0, 1].map(|_| post_draft(seller(), chat, Draft::file(picture("pair"))));
    let [one, two] =
        <[_; 2]>::try_from(store.commit(batch(commands, at(3))).await.answers).unwrap();
    let (one, two) = (posted(one).0, posted(two).0);
    assert_ne!(one.attachments[0].id, two.attachments[0].id);

    assert_eq!(history(&*store, chat).await[1..], [message.clone(), one, two]);
    assert_eq!(store.messages_by_id(&[(chat, message.id)]).await.unwrap()[0], message);
    let again = run(&*store, post_draft(buyer(), chat, mixed), at(5)).await;
    assert_eq!(posted(again), (message, true));
}
