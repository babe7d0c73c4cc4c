//! A replica with the webhook: it writes updates down, and answers.

use example_bot::Failure;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, rt::TokioTimer, service::TowerToHyperService};
use tokio::net::TcpListener;
use tower_telegram::webhook::{SecretToken, Webhook};

use crate::{
    bot,
    process::{orphaned, ready},
};

pub(crate) async fn serve() -> Result<(), Failure> {
    let connection = bot::connection()?;
    let queue = bot::queue(connection.clone());
    let webhook = Webhook::new(SecretToken::new(bot::SECRET)?).queue(&queue);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    ready(&listener.local_addr()?.to_string());
    let mut orphaned = std::pin::pin!(orphaned(connection));
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut orphaned => return Ok(()),
        };
        let service = TowerToHyperService::new(webhook.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}
