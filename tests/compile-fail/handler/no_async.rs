// The function returns the method itself, and no future of it.
use tower_telegram::{methods::SendMessage, router::Router};

fn start() -> SendMessage {
    SendMessage::new(42, "hi")
}

fn main() {
    let _: Router = Router::new().command("start", start);
}
