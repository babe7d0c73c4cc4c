//! x
mod json;
mod method;
pub mod methods;
mod model;
pub mod types;

pub use self::method::{InlineMethod, Method, decode};
