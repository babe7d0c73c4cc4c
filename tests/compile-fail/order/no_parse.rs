// No layer parses the update as the handler's type.
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
        .secret_token(secret)
        .update()
        .delivery()
        .reply()
        .service(handler_fn(handle));
    serve(webhook);
}
