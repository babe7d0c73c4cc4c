//! Reading JSON, for the generated types and for what `tower-telegram` reads by itself. Writing it is
//! serde's.

mod deserialize;
mod error;
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
