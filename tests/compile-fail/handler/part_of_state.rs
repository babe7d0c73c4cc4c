// The router's state is known, and the handler takes something that is no part of it.
use tower_telegram::router::{Router, State};

#[derive(Clone)]
struct App;

#[derive(Clone)]
struct Other;

async fn start(_: State<Other>) {}

fn main() {
    let _ = Router::<App>::new().command("start", start);
}
