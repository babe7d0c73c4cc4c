//! The sign of a handler that was left running at its time limit.

use tokio::sync::watch;

/// In the extensions of the response for a handler that goes on in a task of its own, so that a layer above can have a
/// shutdown wait for it.
#[derive(Clone, Debug)]
pub(crate) struct LeftRunning(watch::Receiver<()>);

/// Held by the handler's task until it ends.
pub(crate) struct HandlerEnd(#[allow(dead_code)] watch::Sender<()>);

impl LeftRunning {
    pub(crate) fn new() -> (HandlerEnd, Self) {
        let (sender, receiver) = watch::channel(());
        (HandlerEnd(sender), Self(receiver))
    }

    /// Waits until the handler has ended, or its task was dropped.
    pub(crate) async fn ended(mut self) {
        // No value is ever sent, so this ends by the drop of the sender.
        while self.0.changed().await.is_ok() {}
    }
}
