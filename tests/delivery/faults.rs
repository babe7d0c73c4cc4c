//! D1–D4 by chance: what Telegram sends twice, too late and out of order reaches the handler once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_telegram::{types::Update, webhook::Webhook};
use tower_telegram_test::{Faults, Telegram, update};

use crate::support::{
    adapter::{Endpoint, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::SECRET,
};

for_each_server! { sockets:
    d1_what_comes_twice_by_chance_is_handled_once
    d1_without_a_memory_it_is_handled_twice
}

const UPDATES: usize = 300;
const CHATS: i64 = 12;

/// How often the handler had each update.
type Handled = Arc<Mutex<BTreeMap<i64, u32>>>;

/// The webhook is served and gets its updates with faults, until it has taken them all.
async fn handled_under_faults(server: Server, webhook: Webhook) -> BTreeMap<i64, u32> {
    let handled = Handled::default();
    let count = Arc::clone(&handled);
    let service = webhook.handler(move |update: Update| {
        let count = Arc::clone(&count);
        async move {
            tokio::task::yield_now().await;
            let mut handled = count.lock().expect("no panic");
            *handled.entry(update.update_id).or_default() += 1;
        }
    });
    let Endpoint::Socket(address) = server.serve(service).await else {
        panic!("{} has no sockets", server.name());
    };
    let builder = Telegram::builder().max_wait(Duration::ZERO);
    let telegram = builder.start().await.expect("a port");
    let faults = Faults::new().duplicates(0.1).lost_answers(0.1);
    let faults = faults.slow_requests(0.1, Duration::from_micros(100));
    telegram.faults(faults.reordered(0.1).seed(7));
    let ids: Vec<_> = (0..UPDATES)
        .zip((1..=CHATS).cycle())
        .map(|(_, chat)| telegram.enqueue(update::text(chat, "hi")).expect("queued"))
        .collect();
    let url = format!("http://{address}/bot");
    telegram.set_webhook(&url, SECRET).expect("set");
    for id in ids {
        telegram.wait_until_confirmed(id).await.expect("taken");
    }
    let handled = handled.lock().expect("no panic");
    handled.clone()
}

async fn d1_what_comes_twice_by_chance_is_handled_once(server: Server) {
    let handled = handled_under_faults(server, Webhook::new(secret(SECRET))).await;
    assert_eq!(handled.len(), UPDATES);
    assert!(handled.values().all(|count| *count == 1), "{handled:?}");
}

async fn d1_without_a_memory_it_is_handled_twice(server: Server) {
    let webhook = Webhook::new(secret(SECRET)).without_delivery();
    let handled = handled_under_faults(server, webhook).await;
    assert_eq!(handled.len(), UPDATES);
    let repeated = handled.values().filter(|count| **count > 1).count();
    assert!((30..120).contains(&repeated), "{repeated}");
}
