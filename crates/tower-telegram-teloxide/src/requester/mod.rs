//! teloxide's calls through a client of tower-telegram.

mod bot;
mod error;
mod methods;
mod request;
mod traits;
mod upload;

pub use self::{
    bot::ClientBot,
    request::{ClientRequest, SendFuture},
    upload::ClientUpload,
};
