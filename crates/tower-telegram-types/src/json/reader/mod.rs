//! A pull reader over one JSON text.
//!
//! The generated types are read with it. Unlike a serde visitor it can look at an object's tag and come back, and it
//! can go back to the start of an object that doesn't fit, and keep it raw. Because of both, one new value from Telegram
//! doesn't make the whole update unreadable. It isn't generic, so the code for all types is compiled once, in this
//! crate.
//!
//! ```
//! use tower_telegram_types::json::Reader;
//!
//! let mut r = Reader::new(r#"{"type": "dog", "legs": 4}"#);
//! assert_eq!(r.peek_tag("type").unwrap(), "dog");
//! assert!(r.find("legs").unwrap());
//! assert_eq!(r.integer().unwrap(), 4);
//! ```
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
