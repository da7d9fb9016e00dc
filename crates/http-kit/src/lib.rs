//! What every HTTP face of Torg shares: bounded bodies, JSON and query reading with typed problems, file uploads, the
//! caller's address, connections that outlive their request, request ids, the catching of panics and the safe handing out of files.
//!
//! It has no wire shape of its own: every problem is a value, and the face that asked puts it into its own words.

pub mod body;
pub mod client_address;
pub mod connection;
mod file_response;
pub mod files;
pub mod json;
pub mod multipart;
pub mod panic;
mod paths;
pub mod query;
pub mod request_id;

pub use file_response::file_response;
pub use paths::{is_at_or_below, path_segment};
