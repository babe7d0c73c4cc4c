// A wrong secret would count as an attempt to handle the update.
use tower::{Service, ServiceBuilder};
use tower_telegram::{
    handler_fn,
    methods::SendMessage,
    types::Update,
    webhook::{SecretToken, ServiceBuilderExt as _},
};

fn serve<S: Service<http::Request<String>>>(_: S) {}

async fn handle(_: Update) -> SendMessage {
    SendMessage::new(42, "hi")
}

fn main() {
    let secret = SecretToken::new("swordfish").unwrap();
    let webhook = ServiceBuilder::new()
        .update()
        .delivery()
        .secret_token(secret)
        .parse::<Update>()
        .reply()
        .service(handler_fn(handle));
    serve(webhook);
}
