//! People who use the bot, and what they do.

mod acts;
mod membership;
mod payment;
mod person;
mod places;
mod queries;
mod sends;

pub use self::{
    person::User,
    queries::{InlineQuery, Press},
};
