//! A replica with the webhook: it writes updates down, and answers.

use tower_telegram::{
    server::Server,
    webhook::{SecretToken, Webhook},
};

use crate::{
    bot,
    failure::Failure,
    process::{orphaned, ready},
};

pub(crate) async fn serve() -> Result<(), Failure> {
    let connection = bot::connection()?;
    let queue = bot::queue(connection.clone());
    let webhook = Webhook::new(SecretToken::new(bot::SECRET)?).queue(&queue);

    let server = Server::bind("127.0.0.1:0").await?;
    ready(&server.local_addr()?.to_string());
    server
        .serve_with_shutdown(webhook, orphaned(connection))
        .await;
    Ok(())
}
