//! J: the routes of updates, and the arguments of handlers.

mod arguments;
mod edge_cases;
mod routing;
mod support;
