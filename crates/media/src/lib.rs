//! The room for the bytes of attachments: what they are, what they are called, how a picture is made safe, where they
//! lie.
//!
//! It knows no chat, no account and no wire, and decides nobody's rights. It must never believe a name, a declared
//! type or a header of the sender: the bytes alone say what they are.

mod disposition;
mod file_name;
mod media_type;
mod picture;
mod vault;

pub use disposition::content_disposition;
pub use file_name::FileName;
pub use media_type::MediaType;
pub use picture::{Picture, PictureDesk, PictureProblem, PictureRules, prepare_picture};
pub use vault::{AccessKey, Bucket, ContentHash, NotAContentHash, StoreTrouble, Vault, VaultError};
