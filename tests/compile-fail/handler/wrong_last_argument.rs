// Nothing says how a `u32` is taken from an update, and it is the only argument.
use tower_telegram::router::Router;

async fn start(_: u32) {}

fn main() {
    let _: Router = Router::new().command("start", start);
}
