// The state was never given to the router of a webhook.
use tower_telegram::{
    router::{Router, State},
    webhook::Webhook,
};

async fn start(_: State<String>) {}

fn main() {
    let router = Router::<String>::new().command("start", start);
    let _ = Webhook::without_secret_token().router(router);
}
