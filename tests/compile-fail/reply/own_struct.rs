// A type of the user's that is no method.
use tower_telegram::{handler_fn, types::Update};

struct Answer;

fn main() {
    handler_fn(async |_: Update| Answer);
}
