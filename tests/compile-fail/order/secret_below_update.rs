// The secret would be checked only after the body has been read.
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
        .secret_token(secret)
        .parse::<Update>()
        .reply()
        .service(handler_fn(handle));
    serve(webhook);
}
