//! J: the routes of updates, and the arguments of handlers.

mod arguments;
mod odd;
mod routing;
mod support;
