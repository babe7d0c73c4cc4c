// It has 17 arguments.
use tower_telegram::{router::Router, types::ChatId};

type C = ChatId;

#[rustfmt::skip]
async fn start(
    _: C, _: C, _: C, _: C, _: C, _: C, _: C, _: C, _: C,
    _: C, _: C, _: C, _: C, _: C, _: C, _: C, _: C,
) {}

fn main() {
    let _: Router = Router::new().command("start", start);
}
