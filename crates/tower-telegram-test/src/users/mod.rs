//! The users, groups and channels of a test, and the actions of users.

pub(crate) mod acts;
pub(crate) mod chat;
pub(crate) mod create;
pub(crate) mod delivered;
pub(crate) mod membership;
pub(crate) mod payment;
pub(crate) mod person;
pub(crate) mod places;
pub(crate) mod queries;
pub(crate) mod sends;
