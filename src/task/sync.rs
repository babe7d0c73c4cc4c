//! The standard library's locks; or a model checker's, where the crate is built as the workspace's
//! member `model`.

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
