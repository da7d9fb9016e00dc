//! The Partizap face, through HTTP. Tests name the sections of its contract.

mod account;
mod bad_input;
mod conversations;
mod images;
mod isolation;
mod limits;
mod messages;
mod person;
mod search;
mod shapes;
mod sign_in;
