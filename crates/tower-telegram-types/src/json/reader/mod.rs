//! A pull reader over one JSON text.
//!
//! It is what the generated types are read with. Unlike a serde visitor it can look at an object's
//! tag and come back, and go back to where an object began and keep it raw when it doesn't fit;
//! both are what keeps one new value from Telegram from losing the whole update. It isn't generic,
//! so the code for all types is compiled once, in this crate.
//!
//! It accepts what RFC 8259 accepts, in valid UTF-8, nested at most [`MAX_DEPTH`] deep, without
//! lone surrogates. The tests compare it with `serde_json`.

mod container;
mod cursor;
mod number;
mod string;
mod value;

pub use self::{
    container::{FromJson, NO_FIELD},
    cursor::{Aborted, MAX_DEPTH, Mark, Reader, Result},
};
