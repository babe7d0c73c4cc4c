// The closure owns something that can't be cloned for each update.
use std::sync::Mutex;

use tower_telegram::router::Router;

fn main() {
    let log = Mutex::new(Vec::new());
    let _: Router = Router::new().command("start", move || {
        log.lock().unwrap().push(1);
        std::future::ready(())
    });
}
