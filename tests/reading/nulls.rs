//! B13: members of an update that are null.

use serde::Deserialize;
use serde_json::{Map, Value};
use tower_telegram::types::{Update, UpdateKind, UpdateType};

use crate::support::{
    adapter::{Bot, bots},
    for_each_server::for_each_server,
    log::Log,
    servers::Server,
    wire::{Call, MESSAGE},
};

for_each_server! {
    b13_members_that_are_null_are_absent
    b13_where_all_are_null_the_update_gets_to_the_handler_raw
    b13_no_number_and_no_key_comes_twice_with_nulls_either
}

/// The members of [`MESSAGE`] as text.
fn members() -> (String, String) {
    let update: Map<String, Value> = serde_json::from_str(MESSAGE).expect("an object");
    let member = |name: &str| format!("\"{name}\":{}", update[name]);
    (member("update_id"), member("message"))
}

/// The update with members that are null in every place.
fn with_nulls() -> Vec<String> {
    let (id, message) = members();
    let others = UpdateType::ALL
        .into_iter()
        .filter(|kind| *kind != UpdateType::Message);
    let mut nulls: Vec<_> = others.map(|kind| format!("\"{kind}\":null")).collect();
    nulls.push("\"brand_new\" : null".into());
    let all = nulls.join(",");
    let mut texts = vec![
        format!("{{{id},{message},{all}}}"),
        format!("{{{id},{all},{message}}}"),
        format!("{{{all},{message},{id}}}"),
        format!("{{{all},{id},{message}}}"),
        format!("{{{id},\"brand_new\":null,{message},\"newer\":null,\"newest\":{{}}}}"),
        format!("{{{id},\"p\\u006fll\":null,{message}}}"),
        format!("{{ {id} , \"poll\" : null , {message} }}"),
    ];
    for null in nulls {
        texts.push(format!("{{{id},{null},{message}}}"));
        texts.push(format!("{{{id},\n{message},{null}}}"));
    }
    texts
}

async fn b13_members_that_are_null_are_absent(server: Server) {
    let expected: Update = MESSAGE.parse().expect("an update");
    for bot in bots(server).await {
        for text in with_nulls() {
            let answer = bot.send(&Call::new(&*text)).await;
            assert_eq!(answer.status, 200, "{bot}: {text}");
            assert_eq!(bot.one(), expected, "{bot}: {text}");
        }
    }
}

/// It has a number, so it can be handled; if it were refused, Telegram would send it for a day.
async fn b13_where_all_are_null_the_update_gets_to_the_handler_raw(server: Server) {
    for bot in bots(server).await {
        for (body, expected) in [
            (r#"{"update_id":9,"message":null}"#, "message"),
            (r#"{"update_id":9,"brand_new":null}"#, "brand_new"),
            (
                r#"{"update_id":9,"brand_new":null,"poll":null,"message":null}"#,
                "poll",
            ),
            (r#"{"message": null ,"poll":null,"update_id":9}"#, "message"),
        ] {
            let answer = bot.send(&Call::new(body)).await;
            assert_eq!(answer.status, 200, "{bot}: {body}");
            let update = bot.one();
            let UpdateKind::Unknown { name, raw } = &update.kind else {
                panic!("{bot}: {update:?}")
            };
            assert_eq!((&**name, raw.get()), (expected, "null"), "{bot}");
        }
    }
}

async fn refused(bot: &Bot<Update>, body: &str) {
    assert_eq!(
        bot.send(&Call::new(body)).await.status,
        400,
        "{bot}: {body}"
    );
    assert_eq!(bot.handled().len(), 0, "{bot}: {body}");
}

async fn b13_no_number_and_no_key_comes_twice_with_nulls_either(server: Server) {
    for bot in bots(server).await {
        for body in [
            r#"{"update_id":null,"message":{},"poll":null}"#,
            r#"{"update_id":null,"message":{},"update_id":1}"#,
            r#"{"update_id":1,"update_id":null,"message":{}}"#,
            r#"{"update_id":1,"message":null,"message":{}}"#,
            r#"{"update_id":1,"message":{},"message":null}"#,
            r#"{"update_id":1,"poll":null,"message":{},"p\u006fll":null}"#,
            r#"{"update_id":1,"message":{},"new":null,"new":null}"#,
            r#"{"update_id":1,"message":{},"edited_message":null,"poll":{}}"#,
            r#"{"update_id":1,"message":{},"poll":nulll}"#,
            r#"{"update_id":1,"message":{},"poll":nul}"#,
        ] {
            refused(&bot, body).await;
        }
    }
}

#[derive(Debug, Deserialize)]
struct Delivered {
    #[serde(flatten)]
    update: Update,
}

/// Every other way in, in the order in which members come and sorted by name.
#[test]
fn b13_members_that_are_null_are_absent_wherever_an_update_is_read() {
    let expected: Update = MESSAGE.parse().expect("an update");
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        for text in with_nulls() {
            assert_eq!(
                Update::from_slice(text.as_bytes()).unwrap(),
                expected,
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Update>(&text).unwrap(), expected);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::from_value::<Update>(value).unwrap(), expected);
            let delivered: Delivered = serde_json::from_str(&text).unwrap();
            assert_eq!(delivered.update, expected);
            let list: Vec<Update> = serde_json::from_str(&format!("[{text},{text}]")).unwrap();
            assert_eq!(list.len(), 2);
        }
    });
    assert_eq!(log.text(), "", "nothing is odd about them");
}
