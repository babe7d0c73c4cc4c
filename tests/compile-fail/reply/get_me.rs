// Its result would be dropped.
use tower_telegram::{handler_fn, methods::GetMe, types::Update};

fn main() {
    handler_fn(async |_: Update| GetMe::new());
}
