//! Files: looked at, kept, sent, fetched.

use bytes::Bytes;
use domain::attachment::{Attachment, File};
use domain::commands::{Answer, AttachFile, Command, Draft};
use domain::id::{AccountId, AttachmentId, ChatId};
use domain::refusal::{Missing, Refusal};
use media::{ContentHash, FileName, MediaType, PictureRules, VaultError};

use crate::access::Caller;
use crate::commands::{Posted, unexpected};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::links::{LinkClaims, browser_link};

/// A file that was looked at and is not kept yet.
#[derive(Clone, Debug)]
pub struct Upload {
    file: File,
    bytes: Bytes,
}

/// A file that is kept, with its bytes.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// What is known of it.
    pub attachment: Attachment,
    /// The bytes.
    pub bytes: Bytes,
}

impl Engine {
    /// Looks at a file by the rules of this door: its size, what its bytes are, and, where only pictures are accepted,
    /// whether they can be drawn; such a picture is made anew, so that nothing hidden remains in it. Keeps nothing.
    pub async fn examine_file(
        &self,
        name: Option<&str>,
        bytes: Bytes,
    ) -> Result<Upload, EngineError> {
        let rules = self.policy().files;
        rules.check(bytes.len() as u64)?;
        let name = FileName::clean(name.unwrap_or_default());
        if !rules.pictures_only {
            let file = look_at(name, bytes.clone()).await?;
            return Ok(Upload { file, bytes });
        }
        let picture =
            self.pictures().prepare(bytes, PictureRules::default()).await.map_err(|problem| {
                tracing::debug!(
                    error = &problem as &dyn std::error::Error,
                    "a picture was refused"
                );
                EngineError::Refused(Refusal::NotAPicture)
            })?;
        let name = name.with_extension(picture.media_type.extension());
        let pixels = Some((picture.width, picture.height));
        let file = describe(&name, picture.media_type, &picture.bytes, pixels);
        Ok(Upload { file, bytes: picture.bytes })
    }

    /// Sends a file as a message of its own. What is refused is not kept.
    pub async fn post_file(
        &self,
        caller: &Caller,
        chat: ChatId,
        upload: Upload,
    ) -> Result<Posted, EngineError> {
        self.require_permission(caller, chat).await?;
        let file = self.keep(upload).await?;
        self.post_message(caller, chat, Draft::file(file)).await
    }

    /// Keeps a file for a message that is sent later.
    pub async fn attach_file(
        &self,
        caller: &Caller,
        upload: Upload,
    ) -> Result<Attachment, EngineError> {
        let file = self.keep(upload).await?;
        let command = AttachFile { owner: caller.account(), file };
        let answer = self.run(Command::AttachFile(command)).await?;
        let Answer::Attached(attachment) = answer else { return Err(unexpected(&answer)) };
        Ok(*attachment)
    }

    /// A file that `caller` may see: of one of its chats, or its own.
    pub async fn file(&self, caller: &Caller, id: AttachmentId) -> Result<StoredFile, EngineError> {
        const ABSENT: EngineError = EngineError::NotFound(Missing::Attachment);
        let found = self.store().attachment_in_chat(id).await?;
        let (attachment, chat) = found.ok_or(ABSENT)?;
        if attachment.message.is_some() {
            self.in_reach(caller, chat).await.map_err(|error| {
                if matches!(error, EngineError::NotFound(_)) { ABSENT } else { error }
            })?;
        } else if attachment.owner != caller.account() {
            return Err(ABSENT);
        }
        self.load(attachment).await
    }

    /// The file of a link that this server signed and that still works.
    pub async fn file_by_link(
        &self,
        id: AttachmentId,
        claims: &LinkClaims,
    ) -> Result<StoredFile, EngineError> {
        if !self.links().is_valid(id, claims, self.now()) {
            return Err(EngineError::NotFound(Missing::Attachment));
        }
        let attachment = self.store().attachment(id).await?;
        self.load(attachment.ok_or(EngineError::NotFound(Missing::Attachment))?).await
    }

    /// An address under which a browser of `account` gets `attachment` without a key, for a limited time.
    pub fn link(&self, attachment: &Attachment, account: AccountId) -> String {
        browser_link(self.links(), attachment, &self.sign_link(attachment, account))
    }

    /// What a link to `attachment` for `account` must hold, for faces with addresses of their own.
    pub fn sign_link(&self, attachment: &Attachment, account: AccountId) -> LinkClaims {
        self.links().sign(attachment.id, account, self.now())
    }

    /// The address under which browsers reach the server, without a slash at the end.
    pub fn public_url(&self) -> &str {
        self.links().public_url()
    }

    /// Makes sure that files can be kept and fetched; meant for the start.
    pub async fn check_files(&self) -> Result<(), VaultError> {
        self.vault().check().await
    }

    async fn require_permission(&self, caller: &Caller, chat: ChatId) -> Result<(), EngineError> {
        let chat = self.chat(caller, chat).await?;
        let related = self.related(std::slice::from_ref(&chat)).await?;
        Ok(self.may_write(caller, &chat, &related)?.require()?)
    }

    async fn keep(&self, upload: Upload) -> Result<File, EngineError> {
        self.vault().put(upload.bytes).await?;
        Ok(upload.file)
    }

    async fn load(&self, attachment: Attachment) -> Result<StoredFile, EngineError> {
        let hash = ContentHash::from_bytes(attachment.file.hash);
        let bytes = self.vault().get(&hash).await?.ok_or_else(|| {
            tracing::error!(
                attachment = attachment.id.get(),
                "the bytes of an attachment are missing"
            );
            EngineError::Internal
        })?;
        Ok(StoredFile { attachment, bytes })
    }
}

/// What is known of a file as it came. A large one would hold up the async thread for tens of milliseconds.
async fn look_at(name: FileName, bytes: Bytes) -> Result<File, EngineError> {
    const BYTES_LOOKED_AT_IN_PLACE_MAX: usize = 64 << 10;
    let small = bytes.len() <= BYTES_LOOKED_AT_IN_PLACE_MAX;
    let look = move || describe(&name, MediaType::of(&bytes), &bytes, None);
    if small {
        return Ok(look());
    }
    tokio::task::spawn_blocking(look).await.map_err(|_interrupted| EngineError::Internal)
}

fn describe(
    name: &FileName,
    media_type: MediaType,
    bytes: &Bytes,
    pixels: Option<(u32, u32)>,
) -> File {
    File {
        name: name.as_str().to_owned(),
        media_type: media_type.as_str().to_owned(),
        bytes: bytes.len() as u64,
        hash: *ContentHash::of(bytes).as_bytes(),
        is_picture: media_type.is_image(),
        pixels,
    }
}
