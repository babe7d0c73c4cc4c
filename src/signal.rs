//! The signals with which a process is asked to stop.

use std::{future::Future, io};

/// A future that ends when the process is asked to stop: by SIGTERM, which service managers and container
/// runtimes send, or by Ctrl-C.
///
/// It listens from this call on, not from the first poll of the future. A signal no longer ends the process then:
/// the program must stop by itself once the future has ended.
///
/// ```no_run
/// use tower_telegram::{server::Server, shutdown_signal};
/// # use tower_telegram::{types::Update, webhook::{SecretToken, Webhook}};
///
/// # async fn run(secret: SecretToken) -> std::io::Result<()> {
/// # let webhook = Webhook::new(secret).handler(async |_: Update| ());
/// let stop = shutdown_signal()?;
/// let server = Server::bind("127.0.0.1:8080").await?;
/// server.serve_with_shutdown(webhook, stop).await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the operating system doesn't let the process listen for signals.
///
/// # Panics
///
/// Outside a Tokio runtime with its I/O driver enabled.
#[cfg(unix)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A future that ends at Ctrl-C. Where there are Unix signals, it ends at SIGTERM as well.
///
/// # Errors
///
/// When the operating system doesn't let the process listen for Ctrl-C.
///
/// # Panics
///
/// Outside a Tokio runtime with its I/O driver enabled.
#[cfg(windows)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
