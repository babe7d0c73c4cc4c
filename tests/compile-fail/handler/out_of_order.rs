// The argument that takes the update by value isn't the last one.
use tower_telegram::router::{Command, NewMessage, Router};

async fn start(_: NewMessage, _: Command) {}

fn main() {
    let _: Router = Router::new().command("start", start);
}
