//! The users of a test, and their actions.

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
