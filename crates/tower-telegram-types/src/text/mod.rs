//! Text for messages: building, splitting and formatting it, and escaping what goes into it.
//!
//! - [`Builder`] makes a text with its entities, by methods. There is no markup in it, so nothing
//!   has to be escaped.
//! - [`split`] cuts a text with its entities into parts that fit into messages, and
//!   [`split_plain`] one without entities.
//! - [`FormattedText`] is the result of both. It goes into a message, a caption, HTML or `MarkdownV2`.
//!   [`Message::html`](crate::types::Message::html) and [`Message::markdown`](crate::types::Message::markdown) turn the text
//!   of a received message into markup.
//! - The functions below escape text for templates in a markup of their own.
//!
//! # Escaping
//!
//! A message sent with a [`ParseMode`](crate::types::ParseMode) has markup in it. Text from elsewhere, such as a user's
//! name or message, must be escaped, or it is read as markup too: at best the server refuses the message, at worst a user
//! makes the bot post a link of theirs. The function depends on the parse mode and the place:
//!
//! | where the text goes | HTML | MarkdownV2 |
//! |---|---|---|
//! | among other text | [`escape_html`] | [`escape_markdown_v2`] |
//! | inside code or a code block | [`escape_html`] | [`escape_markdown_v2_code`] |
//! | the address of a link | [`escape_html`], in double quotes | [`escape_markdown_v2_link`] |
//!
//! Each of them reads the text once, returns it unchanged if no character needs escaping, and never panics. The limit on
//! a message's length applies to the text without markup, so that escaping doesn't count. Escaping doesn't make a link
//! safe to follow.
//!
//! ```
//! use tower_telegram::text::{escape_html, escape_markdown_v2, escape_markdown_v2_link};
//!
//! let name = "<Ada> & co.";
//! assert_eq!(
//!     format!("<b>{}</b>", escape_html(name)),
//!     "<b>&lt;Ada&gt; &amp; co.</b>",
//! );
//! assert_eq!(
//!     format!(
//!         "[{}]({})",
//!         escape_markdown_v2(name),
//!         escape_markdown_v2_link("https://example.org/a_(b)"),
//!     ),
//!     r"[<Ada\> & co\.](https://example.org/a_(b\))",
//! );
//! ```

mod boundaries;
mod builder;
mod escape;
mod formatted;
pub(crate) mod html;
pub(crate) mod markdown_v2;
mod nesting;
mod split;
pub(crate) mod utf16;

pub use self::{
    builder::Builder,
    escape::{escape_html, escape_markdown_v2, escape_markdown_v2_code, escape_markdown_v2_link},
    formatted::FormattedText,
    split::{MAX_CAPTION, MAX_MESSAGE, split, split_plain},
};
