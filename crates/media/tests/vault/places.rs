//! The places where blobs can lie.

use std::sync::Arc;

use bytes::Bytes;
use local_s3::{BUCKET, Key, LocalS3, WRITER};
use media::{AccessKey, Bucket, Vault};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

/// What the keys of the bucket's blobs begin with.
pub(crate) const PREFIX: &str = "shop/files";

/// Where the blobs of a test lie.
pub(crate) enum Place {
    Folder(tempfile::TempDir),
    Memory(Arc<InMemory>),
    Bucket(LocalS3),
}

impl Place {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub(crate) async fn bucket() -> Self {
        Self::Bucket(LocalS3::start().await.unwrap())
    }

    /// Opens a vault there; another one knows nothing of the first.
    pub(crate) fn open(&self) -> Vault {
        match self {
            Self::Folder(folder) => Vault::open(folder.path()).unwrap(),
            Self::Memory(blobs) => Vault::over(Arc::clone(blobs) as Arc<_>),
            Self::Bucket(server) => {
                Vault::in_bucket(&bucket_at(server.endpoint(), WRITER)).unwrap()
            }
        }
    }

    /// Where blobs lie, below the vault.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = match self {
            Self::Folder(folder) => {
                let fan_out = std::fs::read_dir(folder.path()).unwrap();
                let files =
                    fan_out.flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap());
                let relative = |path: std::path::PathBuf| {
                    path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned()
                };
                files.map(|file| relative(file.unwrap().path())).collect()
            }
            Self::Memory(blobs) => {
                let fan_out = blobs.list_with_delimiter(None).await.unwrap().common_prefixes;
                let mut keys = Vec::new();
                for folder in fan_out {
                    let listed = blobs.list_with_delimiter(Some(&folder)).await.unwrap();
                    keys.extend(listed.objects.iter().map(|object| object.location.to_string()));
                }
                keys
            }
            Self::Bucket(server) => {
                let root = server.bucket_folder().join(PREFIX);
                let relative = |path: std::path::PathBuf| {
                    path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()
                };
                server.objects().unwrap().into_iter().map(relative).collect()
            }
        };
        keys.sort();
        keys
    }

    /// Changes the bytes of a blob behind the vault's back.
    pub(crate) async fn overwrite(&self, key: &str, bytes: &'static [u8]) {
        match self {
            Self::Folder(folder) => std::fs::write(folder.path().join(key), bytes).unwrap(),
            Self::Memory(blobs) => {
                blobs.put(&Path::from(key), Bytes::from_static(bytes).into()).await.unwrap();
            }
            Self::Bucket(server) => {
                std::fs::write(server.bucket_folder().join(PREFIX).join(key), bytes).unwrap();
            }
        }
    }
}

/// The bucket of a test's server, used with `key`.
pub(crate) fn bucket_at(endpoint: String, key: Key) -> Bucket {
    Bucket {
        name: BUCKET.to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        path_style: true,
        key: AccessKey { id: key.id.to_owned(), secret: key.secret.to_owned() },
    }
}
