//! B8, B11: any type of update gets through.

use bytes::Bytes;
use tower_telegram::{
    types::{AllowedUpdates, Update},
    webhook::{RawUpdate, Webhook},
};

use crate::{
    adapter::{bots_with, nothing, secret},
    generate::{Fill, Generator, Schema},
    text::telegram,
    wire::{Call, SECRET},
};

#[tokio::test]
async fn b8_b11_every_type_of_update_gets_through_every_server() {
    let webhook = Webhook::new(secret(SECRET)).allowed_updates(AllowedUpdates::ALL);
    for bot in bots_with(&webhook, nothing).await {
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
