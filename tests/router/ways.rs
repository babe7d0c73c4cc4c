//! The ways in which updates reach the bot.

use tower_telegram::{
    Client,
    polling::Polling,
    router::Router,
    webhook::{Webhook, WebhookService},
};
use tower_telegram_test::Telegram;

use crate::support::{
    adapter::{Endpoint, secret},
    servers::Server,
    wire::SECRET,
};

pub(super) async fn start() -> (Telegram, Client) {
    let telegram = Telegram::start().await.unwrap();
    let token = telegram.token().parse().unwrap();
    let client = Client::with_base_url(&token, telegram.api_url()).unwrap();
    (telegram, client)
}

pub(super) fn webhook() -> Webhook {
    Webhook::new(secret(SECRET))
}

/// Has the webhook requests of this Telegram go to a service that is served by one of the servers.
pub(super) async fn serve(telegram: &Telegram, server: Server, service: WebhookService<Router>) {
    set_webhook(telegram, &server.serve(service).await);
}

fn set_webhook(telegram: &Telegram, endpoint: &Endpoint) {
    let Endpoint::Socket(address) = endpoint else {
        panic!("a server listens")
    };
    let url = format!("http://{address}/bot");
    telegram.set_webhook(&url, SECRET).unwrap();
}

pub(super) fn poll(client: Client, router: Router) {
    let polling = Polling::new(client).allowed_updates(router.allowed_updates());
    let updates = webhook().router(router).into_updates();
    tokio::spawn(polling.run(updates));
}

/// A queue in Redis between a webhook behind hyper and a worker.
#[cfg(all(feature = "redis", unix))]
pub(super) async fn queue(
    redis: &crate::replicas::server::RedisServer,
    telegram: &Telegram,
    client: Client,
    router: Router,
) {
    use tower_telegram::redis::RedisQueue;

    let queue = RedisQueue::new(redis.connection(), "bot");
    let allowed = router.allowed_updates();
    let door = webhook().allowed_updates(allowed).queue(&queue);
    set_webhook(telegram, &crate::support::servers::serve_hyper(door).await);
    let updates = webhook().router(router).into_updates();
    tokio::spawn(async move { queue.worker(client).run(updates).await });
}
