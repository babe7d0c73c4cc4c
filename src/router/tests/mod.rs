//! J: the routes of updates, and the arguments of handlers.

mod arguments;
mod routing;
mod support;
