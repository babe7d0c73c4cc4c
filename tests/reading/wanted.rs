//! C1–C3: wanted or not.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tower_telegram::{
    methods::{GetUpdates, SetWebhook},
    types::{AllowedUpdates, UpdateType},
    webhook::Webhook,
};

use crate::support::{
    adapter::{bots_with, nothing, secret},
    for_each_server::for_each_server,
    generate::Schema,
    servers::Server,
    wire::{Call, SECRET},
};

for_each_server! {
    c1_what_isnt_wanted_is_done_with_unparsed
    c1_only_wanted_types_reach_the_handler
    c2_by_default_all_but_three_and_the_unknown_get_to_the_handler
    c2_all_means_all
}

/// No layer may read it.
#[derive(Debug)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("the update was parsed");
    }
}

async fn c1_what_isnt_wanted_is_done_with_unparsed(server: Server) {
    let webhook = Webhook::new(secret(SECRET))
        .allowed_updates([UpdateType::Message])
        .parse_as::<Unreadable>();
    for bot in bots_with(server, &webhook, nothing).await {
        for body in [
            r#"{"update_id":1,"poll":{}}"#,
            r#"{"update_id":1,"poll":{"id":"1"}}"#,
            // As far as anyone looks, this is all there is to it.
            r#"{"update_id":1,"poll":"#,
            r#"{"update_id":1,"poll":{"\ud800"#,
            r#"{"update_id":1,"poll":{}} and more"#,
            r#"{"poll":{},"update_id":1}"#,
            r#"{"update_id":1,"brand_new":{}}"#,
        ] {
            let answer = bot.send(&Call::new(body)).await;
            assert_eq!(answer.status, 200, "{bot}: {body}");
            assert!(answer.body.is_empty(), "{bot}: {body}");
            assert_eq!(bot.handled().len(), 0, "{bot}: {body}");
        }
    }
}

fn minimal(kind: &str) -> Call {
    Call::new(json!({"update_id": 1, kind: {}}).to_string())
}

async fn c1_only_wanted_types_reach_the_handler(server: Server) {
    let wanted = [UpdateType::Poll, UpdateType::ChatMember];
    let webhook = Webhook::new(secret(SECRET)).allowed_updates(wanted);
    for bot in bots_with(server, &webhook, nothing).await {
        for kind in Schema::new().kinds().into_iter().chain(["brand_new"]) {
            assert_eq!(bot.send(&minimal(kind)).await.status, 200, "{bot}: {kind}");
            let calls = usize::from(["poll", "chat_member"].contains(&kind));
            assert_eq!(bot.handled().len(), calls, "{bot}: {kind}");
        }
    }
}

async fn c2_by_default_all_but_three_and_the_unknown_get_to_the_handler(server: Server) {
    let on_request = ["chat_member", "message_reaction", "message_reaction_count"];
    for bot in bots_with(server, &Webhook::new(secret(SECRET)), nothing).await {
        for kind in Schema::new().kinds().into_iter().chain(["brand_new"]) {
            assert_eq!(bot.send(&minimal(kind)).await.status, 200, "{bot}: {kind}");
            let calls = usize::from(!on_request.contains(&kind));
            assert_eq!(bot.handled().len(), calls, "{bot}: {kind}");
        }
    }
}

async fn c2_all_means_all(server: Server) {
    let webhook = Webhook::new(secret(SECRET)).allowed_updates(AllowedUpdates::ALL);
    for bot in bots_with(server, &webhook, nothing).await {
        for kind in Schema::new().kinds().into_iter().chain(["brand_new"]) {
            assert_eq!(bot.send(&minimal(kind)).await.status, 200, "{bot}: {kind}");
            assert_eq!(bot.handled().len(), 1, "{bot}: {kind}");
        }
    }
}

#[test]
fn c3_the_lists_for_telegram_stay_distinct() {
    let told = |allowed: Option<AllowedUpdates>| -> Value {
        let mut set = SetWebhook::new("https://bot.example/");
        set.allowed_updates = allowed;
        let mut get = GetUpdates::new();
        get.allowed_updates = allowed;
        let set = serde_json::to_value(set).expect("parameters");
        let get = serde_json::to_value(get).expect("parameters");
        assert_eq!(set.get("allowed_updates"), get.get("allowed_updates"));
        let list = set.get("allowed_updates").cloned();
        list.unwrap_or_else(|| json!("nothing"))
    };
    let schema = Schema::new();
    let mut all = schema.kinds();
    let mut names = told(Some(AllowedUpdates::ALL));
    let names = names.as_array_mut().expect("a list");
    let mut names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    all.sort_unstable();
    assert_eq!(names, all);

    assert_eq!(told(None), json!("nothing"));
    assert_eq!(told(Some(AllowedUpdates::DEFAULT)), json!([]));
    for kind in UpdateType::ALL {
        let one = AllowedUpdates::from([kind]);
        assert_eq!(told(Some(one)), json!([kind.as_str()]));
    }
}
