//! Calls of hooks that programs set on the trace layers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a hook. `None` if it panics, which is logged by `log`: what a hook is called for goes on without it.
///
/// A hook is also called while another panic unwinds, when a second one would end the process.
pub(crate) fn call_hook<T>(hook: impl FnOnce() -> T, log: impl FnOnce()) -> Option<T> {
    let called = catch_unwind(AssertUnwindSafe(hook));
    if called.is_err() {
        log();
    }
    called.ok()
}
