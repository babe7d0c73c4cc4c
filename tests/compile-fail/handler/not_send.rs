// The `Rc` that is kept over an `.await` can't go to another thread.
use std::rc::Rc;

use tower_telegram::router::Router;

async fn start() {
    let kept = Rc::new(7);
    std::future::ready(()).await;
    drop(kept);
}

fn main() {
    let _: Router = Router::new().command("start", start);
}
