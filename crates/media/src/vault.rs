//! Where bytes lie, found by their content.

mod bucket;
mod content_hash;
mod trouble;

use std::path::Path as FolderPath;
use std::sync::Arc;
use std::{fmt, io};

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

pub use bucket::{AccessKey, Bucket};
pub use content_hash::{ContentHash, NotAContentHash};
pub use trouble::StoreTrouble;

/// Blobs under the hash of their content: the same bytes are stored once, and what is stored never changes.
///
/// The place of a blob is made from its hash alone (`ab/abcd…`); no name or id of a client ever becomes part of a
/// path. Clones share the store.
#[derive(Clone)]
pub struct Vault {
    blobs: Arc<dyn ObjectStore>,
}

/// Why bytes could not be stored or given back.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The stored bytes are not those that were put: the disk or somebody changed them. They are not served.
    #[error("the blob {0} is damaged")]
    Damaged(ContentHash),
    /// The folder could not be made or opened.
    #[error("the folder of the vault cannot be used")]
    Folder(#[source] io::Error),
    /// The remote store cannot be called at all.
    #[error("the store of the vault cannot be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder or the remote store failed.
    #[error("the vault's store failed")]
    Store(#[from] object_store::Error),
    /// The remote store began to answer and did not go on.
    #[error("the vault's store takes too long")]
    TooSlow,
    /// The process is shutting down.
    #[error("the work on a blob was interrupted")]
    Interrupted,
}

impl Vault {
    /// Opens the vault in `folder`, which is made if it is not there. Blocks on the disk; meant for the start.
    pub fn open(folder: &FolderPath) -> Result<Self, VaultError> {
        make_durable_folders(folder).map_err(VaultError::Folder)?;
        let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self::over(Arc::new(files)))
    }

    /// Opens the vault in a bucket. Calls nobody; [`Self::check`] does.
    pub fn in_bucket(bucket: &Bucket) -> Result<Self, VaultError> {
        bucket::store_in(bucket).map(Self::over)
    }

    /// A vault that forgets everything, for tests.
    pub fn in_memory() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    /// A vault over any store whose `put` is atomic, and durable when it returns.
    pub fn over(blobs: Arc<dyn ObjectStore>) -> Self {
        Self { blobs }
    }

    /// Stores `bytes` and says under which hash. When it returns, they survive a loss of power.
    ///
    /// Bytes that are there already are written over with the same bytes: that costs a write for the rare duplicate,
    /// mends a damaged blob, and does not rest on another writer who may not have finished.
    pub async fn put(&self, bytes: Bytes) -> Result<ContentHash, VaultError> {
        let hash = hash_of(bytes.clone()).await?;
        self.blobs.put(&place_of(&hash), bytes.into()).await?;
        Ok(hash)
    }

    /// Makes sure that the store can be written and read, by a blob of the vault's own: nothing needs more rights than
    /// the work itself.
    pub async fn check(&self) -> Result<(), VaultError> {
        let hash = self.put(Bytes::from_static(b"Torg keeps attachments here.\n")).await?;
        match self.get(&hash).await? {
            Some(_) => Ok(()),
            None => Err(VaultError::Damaged(hash)),
        }
    }

    /// The bytes of `hash`, if they are stored, checked against it.
    pub async fn get(&self, hash: &ContentHash) -> Result<Option<Bytes>, VaultError> {
        let found = match self.blobs.get(&place_of(hash)).await {
            Ok(found) => found,
            Err(error @ object_store::Error::NotFound { .. })
                if !trouble::is_missing_bucket(&error) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let allowed = bucket::time_for(found.meta.size);
        let read = tokio::time::timeout(allowed, found.bytes()).await;
        let bytes = read.map_err(|_elapsed| VaultError::TooSlow)??;
        if hash_of(bytes.clone()).await? == *hash {
            Ok(Some(bytes))
        } else {
            Err(VaultError::Damaged(*hash))
        }
    }
}

impl VaultError {
    /// What is wrong with the store, where it is the store that failed.
    pub fn trouble(&self) -> Option<StoreTrouble> {
        match self {
            Self::Store(error) => Some(StoreTrouble::of(error)),
            Self::TooSlow => Some(StoreTrouble::NotReached),
            Self::Damaged(_) | Self::Folder(_) | Self::Setup(_) | Self::Interrupted => None,
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("blobs", &self.blobs.to_string()).finish()
    }
}

/// Two characters of fan-out: a million blobs are four thousand a folder.
fn place_of(hash: &ContentHash) -> Path {
    let hex = hash.to_string();
    Path::from_iter([&hex[..2], &hex])
}

/// Small contents are hashed where they are; ten megabytes would hold up the async thread for tens of milliseconds.
async fn hash_of(bytes: Bytes) -> Result<ContentHash, VaultError> {
    const BYTES_HASHED_IN_PLACE_MAX: usize = 64 << 10;
    if bytes.len() <= BYTES_HASHED_IN_PLACE_MAX {
        return Ok(ContentHash::of(&bytes));
    }
    tokio::task::spawn_blocking(move || ContentHash::of(&bytes))
        .await
        .map_err(|_cancelled| VaultError::Interrupted)
}

/// Makes the folder and all its fan-out folders, and syncs them.
///
/// Made on demand, a fan-out folder would be a trap: a second writer finds it there, syncs its own file and
/// acknowledges it, while the first has not yet synced the entry of the folder itself.
fn make_durable_folders(folder: &FolderPath) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for first_byte in 0..=u8::MAX {
        std::fs::create_dir_all(folder.join(format!("{first_byte:02x}")))?;
    }
    sync_folder(folder)?;
    // The folder's own entry, and those of parents just made. Past the first that may not be opened, somebody else
    // made them.
    for parent in std::path::absolute(folder)?.ancestors().skip(1) {
        if sync_folder(parent).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &FolderPath) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Other systems cannot sync a folder.
#[cfg(not(unix))]
fn sync_folder(_folder: &FolderPath) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[tokio::test]
    async fn a_blob_survives_reopening_and_lies_where_its_hash_says() {
        let folder = tempfile::tempdir().unwrap();
        let hash = open(&folder).put(Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(std::fs::read(folder.path().join("2c").join(HELLO)).unwrap(), b"hello");
        assert_eq!(open(&folder).get(&hash).await.unwrap().as_deref(), Some(&b"hello"[..]));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Vault::open(&file.path().join("vault")), Err(VaultError::Folder(_))));
    }

    fn open(folder: &tempfile::TempDir) -> Vault {
        Vault::open(folder.path()).unwrap()
    }
}
