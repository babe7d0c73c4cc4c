// A `u32` can't be extracted from an update.
use tower_telegram::{router::Router, types::ChatId};

async fn start(_: u32, _: ChatId) {}

fn main() {
    let _: Router = Router::new().command("start", start);
}
