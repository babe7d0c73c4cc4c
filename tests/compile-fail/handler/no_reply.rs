// A number is no reply.
use tower_telegram::router::Router;

async fn start() -> u32 {
    7
}

fn main() {
    let _: Router = Router::new().command("start", start);
}
