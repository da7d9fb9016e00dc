//! An S3 server inside a test: real signatures over a real socket, objects as files in a temporary folder.
//!
//! For tests only. It must never be part of the server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The only bucket.
pub const BUCKET: &str = "torg-files";

/// A key of the server: its id and its secret.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The access key id.
    pub id: &'static str,
    /// The secret access key.
    pub secret: &'static str,
}

/// May read and write.
pub const WRITER: Key = Key { id: "AKIAWRITER", secret: "writes/with+this" };
/// May read only.
pub const READER: Key = Key { id: "AKIAREADER", secret: "reads/with+this" };

/// A running server. Its objects are gone when it is dropped.
pub struct LocalS3 {
    root: tempfile::TempDir,
    address: SocketAddr,
    service: S3Service,
    /// None while it is down.
    serving: Option<JoinHandle<()>>,
}

impl LocalS3 {
    /// Starts a server on a free port of this machine, with an empty [`BUCKET`].
    pub async fn start() -> io::Result<Self> {
        let root = tempfile::tempdir()?;
        std::fs::create_dir(root.path().join(BUCKET))?;
        let files =
            FileSystem::new(root.path()).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(Keys);
        service.set_access(Access);

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, service) = (listener.local_addr()?, service.build());
        let serving = Some(tokio::spawn(serve(listener, service.clone())));
        Ok(Self { root, address, service, serving })
    }

    /// Its address, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all connections and accepts no more. The objects stay.
    pub async fn go_down(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Serves again, under the same address.
    pub async fn come_up(&mut self) -> io::Result<()> {
        self.go_down().await;
        let listener = TcpListener::bind(self.address).await?;
        self.serving = Some(tokio::spawn(serve(listener, self.service.clone())));
        Ok(())
    }

    /// The files in which the objects of the bucket lie. Their paths below [`Self::bucket_folder`] are the keys.
    pub fn objects(&self) -> io::Result<Vec<PathBuf>> {
        let mut folders = vec![self.bucket_folder()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() { &mut folders } else { &mut files }.push(path);
            }
        }
        Ok(files)
    }

    /// Where the objects of the bucket lie.
    pub fn bucket_folder(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Connections end with the task that accepts them.
async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
        connections.spawn(async move {
            // A client that breaks off is its own business.
            let _ = connection.await;
        });
    }
}

/// Whose signatures are known.
struct Keys;

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        let known = [WRITER, READER].into_iter().find(|key| key.id == id);
        known.map(|key| key.secret.into()).ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

/// Who may do what, once the signature is right.
struct Access;

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(key) = context.credentials() else {
            return Err(s3_error!(AccessDenied, "a signature is required"));
        };
        let bucket = match context.s3_path() {
            S3Path::Root => return Err(s3_error!(AccessDenied)),
            S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } => bucket,
        };
        // The file system behind would make the bucket.
        if **bucket != *BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        if key.access_key == READER.id && context.method() != hyper::Method::GET {
            return Err(s3_error!(AccessDenied));
        }
        Ok(())
    }
}
