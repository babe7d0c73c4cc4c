//! The state that Bot API methods read and change: users, chats, messages and the bot's settings.
//!
//! Each file has the methods for one subject. All of them work on [`People`], which one lock protects.

mod add;
mod admin;
mod chat_state;
mod content;
mod copy;
mod edit;
mod find_chat;
mod info;
mod inline;
mod links;
mod markup;
mod media;
mod member;
mod members;
mod message_entry;
mod messages;
mod method_call;
mod methods;
mod observe;
mod people;
mod poll;
mod queries;
mod reactions;
mod send;
mod settings;
mod stars;
mod store;
mod text;
mod topic;
mod topics;

pub(crate) use self::{
    chat_state::{ChatKind, ChatState},
    copy::origin,
    inline::Choice,
    markup::buttons,
    member::{is_in, new as new_member},
    message_entry::{MessageEntry, content_of},
    people::People,
    store::Chats,
};
