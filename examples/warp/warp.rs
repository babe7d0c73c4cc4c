//! A bot beside warp's routes: one path goes to the webhook, and all others to the filters of an app.
//!
//! ```sh
//! cargo run -p warp-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production.
//!
//! A filter of warp can't call a tower service, because it has no access to the request as a whole. But
//! `warp::service` makes a tower service of filters, and so the two can stand side by side.

use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};

use http_body_util::Either;
use tower::{ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    server::{RequestBody, Server},
    shutdown_signal,
    types::ChatId,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;
use warp::{Filter as _, http::Request};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("/start").says("hello").intrudes();
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());

    let routes = warp::service(warp::path!("health").map(|| String::from("ok")).boxed());
    let path: Arc<str> = settings.path().into();
    let app = service_fn(move |request: Request<RequestBody>| {
        let (path, webhook, routes) = (Arc::clone(&path), webhook.clone(), routes.clone());
        async move {
            Ok::<_, Infallible>(if request.uri().path() == &*path {
                webhook.oneshot(request).await?.map(Either::Left)
            } else {
                routes.oneshot(request).await?.map(Either::Right)
            })
        }
    });

    // warp's own server limits neither how many connections there are nor how long one may be silent.
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;
    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
