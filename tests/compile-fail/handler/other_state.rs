// The state has another type.
use tower_telegram::router::{Router, State};

#[derive(Clone)]
struct App;

#[derive(Clone)]
struct Other;

async fn start(_: State<Other>) {}

fn main() {
    let _: Router = Router::new().command("start", start).with_state(App);
}
