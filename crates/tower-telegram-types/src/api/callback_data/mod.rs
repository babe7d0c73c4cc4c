//! Typed data of inline buttons: a value of the bot's own type, written into the 64 bytes that a button
//! may carry, and read again when the button is pressed.

mod error;
mod escape;
mod payload;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::{
    error::{CallbackFormatError, InvalidCallbackData},
    payload::CallbackPayload,
};
