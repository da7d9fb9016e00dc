//! From the settings to the place of the attachments, and what to do when it does not work.

use anyhow::{Context as _, anyhow};
use engine::Engine;
use media::{StoreTrouble, Vault, VaultError};

use crate::settings::{AttachmentsUrl, Settings, StoreChoice};

/// Opens the place that `settings` name. A bucket is not called yet.
pub fn open_vault(settings: &Settings) -> anyhow::Result<Vault> {
    if let Some(bucket) = settings.attachments.bucket() {
        return Vault::in_bucket(&bucket).context("cannot set up the store of the attachments");
    }
    let folder = settings.attachments.folder(&settings.data_dir);
    let folder = folder.context("the attachments have no place (setting 'attachments.url')")?;
    Vault::open(&folder)
        .with_context(|| format!("cannot open the attachments in {}", folder.display()))
}

/// Makes sure that a bucket can be written and read, so that a wrong setting is told at the start and not to the first
/// who sends a file. A folder was made when it was opened; where other servers may not see it, the log says so.
pub async fn check(engine: &Engine, settings: &Settings) -> anyhow::Result<()> {
    let url = match &settings.attachments.url {
        Some(url @ AttachmentsUrl::Bucket { .. }) => url,
        Some(AttachmentsUrl::Folder(_)) => return Ok(()),
        None => {
            warn_of_own_folder(settings);
            return Ok(());
        }
    };
    engine.check_files().await.map_err(|error| {
        let advice = advice(&error);
        let error = anyhow::Error::new(error);
        // The layers in between say the same at length.
        let cause = error.root_cause();
        anyhow!("cannot keep attachments in {url}: {advice} ({cause})")
    })
}

/// A server on a database that others may share, with files that they may not see.
fn warn_of_own_folder(settings: &Settings) {
    if let StoreChoice::Postgres(_) = settings.store {
        tracing::warn!(
            folder = %settings.data_dir.join("attachments").display(),
            "attachments lie in a folder of this machine; servers on other machines do not see them: name a bucket, or a \
             folder that all see, with the setting 'attachments.url'"
        );
    }
}

/// What is wrong, and what the operator can do.
fn advice(error: &VaultError) -> &'static str {
    match error.trouble() {
        Some(StoreTrouble::NoBucket) => {
            "there is no such bucket; make it, or correct 'attachments.url'"
        }
        Some(StoreTrouble::WrongKey) => {
            "the store refuses the key; check 'attachments.access_key_id' and \
             'attachments.secret_access_key'"
        }
        Some(StoreTrouble::NotAllowed) => {
            "the key may not write and read there; allow it s3:PutObject and s3:GetObject on the objects and \
             s3:ListBucket on the bucket"
        }
        Some(StoreTrouble::Elsewhere) => {
            "the bucket is elsewhere; check 'attachments.region' and 'attachments.endpoint'"
        }
        Some(StoreTrouble::ClocksDiffer) => {
            "the clocks of this machine and of the store differ too much; set them right"
        }
        Some(StoreTrouble::NotReached) => {
            "nobody answers; check that the store runs and can be reached, and 'attachments.endpoint'"
        }
        Some(StoreTrouble::Failing) | None => {
            "the store does not do what it should; check that 'attachments.endpoint' is the address of an \
             S3-compatible store"
        }
    }
}
