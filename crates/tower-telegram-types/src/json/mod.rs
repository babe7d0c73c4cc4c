//! The JSON reader of the generated types, which `tower-telegram` also uses for what it reads by itself.
//!
//! - `reader` reads a text piece by piece. Each type implements `FromJson` with it.
//! - `read` reads a whole text as a type, and `update_members` an update's outer object.
//! - `unions` reads a value that may be of several types, and keeps it raw if it is of none of them.
//! - `deserialize` connects the reader with serde, so that the types can be read from any format that describes
//!   itself; `transcode` turns such a format into JSON first.
//! - `error` and `foreign` say why a text couldn't be read, without repeating the text.
//!
//! JSON is written by serde; `write` only finds the memory for it, and `finite` refuses numbers that it can't hold.

mod deserialize;
mod error;
mod finite;
mod foreign;
mod impls;
mod macros;
mod raw;
mod read;
mod reader;
mod swar;
mod transcode;
mod unions;
mod update_members;
mod write;

#[cfg(feature = "serde-all")]
pub(crate) use self::unions::first_that_fits;
pub(crate) use self::{
    deserialize::deserialize,
    finite::Finite,
    macros::{impl_deserialize, string_enum},
    unions::{read_or, read_or_raw},
};
pub use self::{
    error::ParseError,
    raw::RawJson,
    read::{check, from_slice, from_str, from_str_strictly, utf8},
    reader::{Aborted, FromJson, MAX_DEPTH, Mark, NO_FIELD, Reader, Result},
    update_members::{UpdateMember, read_update},
    write::write_exact,
};
