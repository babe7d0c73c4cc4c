//! B8, B11, B12: any type of update gets through.

use bytes::Bytes;
use tower_telegram::{
    types::{AllowedUpdates, Update},
    webhook::{RawUpdate, Webhook},
};

use crate::support::{
    adapter::{bots_with, nothing, secret},
    for_each_server::for_each_server,
    generate::{Fill, Generator, Schema, sent},
    servers::Server,
    text::telegram,
    wire::{Call, SECRET},
};

for_each_server! {
    b8_b11_every_type_of_update_gets_through
    b12_what_an_older_server_sends_gets_through_typed
}

async fn b8_b11_every_type_of_update_gets_through(server: Server) {
    let webhook = Webhook::new(secret(SECRET)).allowed_updates(AllowedUpdates::ALL);
    for bot in bots_with(server, &webhook, nothing).await {
        let schema = Schema::new();
        for kind in schema.kinds() {
            let mut generator = Generator::new(&schema, 42);
            generator.fill = Fill::Full;
            for new in [0, 10] {
                generator.new = new;
                let text = telegram(&generator.update(kind));
                let answer = bot.send(&Call::new(&*text)).await;
                assert_eq!(answer.status, 200, "{bot}: {kind}");
                let raw = RawUpdate::from_bytes(Bytes::from(text));
                let update: Update = raw.and_then(|raw| raw.parse()).expect("an update");
                assert_eq!(bot.one(), update, "{bot}: {kind}");
            }
        }
    }
}

async fn b12_what_an_older_server_sends_gets_through_typed(server: Server) {
    let webhook = Webhook::new(secret(SECRET)).allowed_updates(AllowedUpdates::ALL);
    for bot in bots_with(server, &webhook, nothing).await {
        let schema = Schema::new();
        for kind in schema.kinds() {
            let mut generator = Generator::new(&schema, 43);
            generator.fill = Fill::Full;
            generator.gone = 30;
            let text = telegram(&sent(&generator.update(kind)));
            let answer = bot.send(&Call::new(&*text)).await;
            assert_eq!(answer.status, 200, "{bot}: {text}");
            let update = bot.one();
            assert_eq!(update.update_type().as_str(), kind, "{bot}: {text}");
            assert!(!format!("{update:?}").contains("Unknown"), "{bot}: {text}");
        }
    }
}
