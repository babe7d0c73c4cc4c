// Not in an `Option` or a `Result` either.
use tower_telegram::{handler_fn, methods::Close, types::Update};

fn main() {
    handler_fn(async |_: Update| Ok::<_, std::io::Error>(Some(Close::new())));
}
