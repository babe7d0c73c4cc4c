// The handler's state was never given.
use tower_telegram::{
    router::{Router, State},
    webhook::{SecretToken, Webhook},
};

async fn start(_: State<String>) {}

fn serve<S: tower::Service<http::Request<String>>>(_: S) {}

fn main() {
    let router = Router::new().command("start", start);
    let secret = SecretToken::new("swordfish").unwrap();
    serve(Webhook::new(secret).service(router));
}
