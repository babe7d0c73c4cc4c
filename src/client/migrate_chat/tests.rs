use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use tokio::{task::JoinHandle, time::timeout};
use tower::{Layer as _, ServiceExt as _};
use tower_test::mock::{self, Handle, Mock};

use super::{layer::MigrateChatLayer, service::MigrateChat};
use crate::{
    client::{ApiRequest, ApiResponse, Error},
    methods::{ForwardMessage, GetMe, SendMessage},
    types::ChatId,
};

type Calls = Handle<ApiRequest, ApiResponse>;
type Following = MigrateChat<Mock<ApiRequest, ApiResponse>>;
type Heard = Arc<Mutex<Vec<(ChatId, i64)>>>;

const NEW: i64 = -1_000_000_000_005;

/// The layer over a mocked Bot API, and the calls of its hook.
fn over(layer: MigrateChatLayer) -> (Following, Calls, Heard) {
    let (api, calls) = mock::pair();
    let heard = Heard::default();
    let hook = heard.clone();
    let layer = layer.on_migrate(move |from, to| hook.lock().unwrap().push((from.clone(), to)));
    (layer.layer(api), calls, heard)
}

fn to_chat(chat: impl Into<ChatId>) -> ApiRequest {
    ApiRequest::new(&SendMessage::new(chat, "hi")).unwrap()
}

/// Ends even if the call, by mistake, waits for a response that the test doesn't send.
fn begin(service: &Following, call: ApiRequest) -> JoinHandle<Result<ApiResponse, Error>> {
    let answer = timeout(Duration::from_secs(60), service.clone().oneshot(call));
    tokio::spawn(async move { answer.await.unwrap() })
}

fn migrated() -> Error {
    let description = "Bad Request: group chat was upgraded to a supergroup chat";
    Error::api(StatusCode::BAD_REQUEST, description.into(), None, Some(NEW))
}

async fn refuse(calls: &mut Calls, chat: impl Into<ChatId>) {
    let (call, respond) = calls.next_request().await.unwrap();
    assert_eq!(call.chat_id(), Some(&chat.into()));
    respond.send_error(migrated());
}

async fn answer(calls: &mut Calls, chat: impl Into<ChatId>) {
    let (call, respond) = calls.next_request().await.unwrap();
    let chat = chat.into();
    assert_eq!(call.chat_id(), Some(&chat));
    let json = String::from_utf8(call.json().to_vec()).unwrap();
    assert!(json.contains(&format!("\"chat_id\":{chat}")), "{json}");
    respond.send_response(ApiResponse::new("true"));
}

#[tokio::test(start_paused = true)]
async fn f6_the_call_is_repeated_with_the_new_id_and_later_ones_have_it_at_once() {
    let (service, mut calls, heard) = over(MigrateChatLayer::new());
    let first = begin(&service, to_chat(-5));
    refuse(&mut calls, -5).await;
    answer(&mut calls, NEW).await;
    assert!(first.await.unwrap().is_ok());

    for same in [to_chat(-5), to_chat("-5")] {
        let later = begin(&service, same);
        answer(&mut calls, NEW).await;
        assert!(later.await.unwrap().is_ok());
    }
    let other = begin(&service, to_chat(-6));
    answer(&mut calls, -6).await;
    assert!(other.await.unwrap().is_ok());
    assert_eq!(*heard.lock().unwrap(), [((-5).into(), NEW)]);
}

/// A server whose ids lead in a circle was called forever.
#[tokio::test(start_paused = true)]
async fn f6_the_call_is_repeated_once() {
    let (service, mut calls, _) = over(MigrateChatLayer::new());
    let call = begin(&service, to_chat(-5));
    refuse(&mut calls, -5).await;
    refuse(&mut calls, NEW).await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.migrate_to_chat_id(), Some(NEW));
    drop(service);
    assert!(calls.next_request().await.is_none());
}

/// Two calls that are refused together report one migration.
#[tokio::test(start_paused = true)]
async fn f6_the_hook_is_called_once_for_each_migration() {
    let (service, mut calls, heard) = over(MigrateChatLayer::new());
    let both = [begin(&service, to_chat(-5)), begin(&service, to_chat(-5))];
    let first = calls.next_request().await.unwrap().1;
    let second = calls.next_request().await.unwrap().1;
    first.send_error(migrated());
    second.send_error(migrated());
    for call in both {
        answer(&mut calls, NEW).await;
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(heard.lock().unwrap().len(), 1);
}

/// Only groups migrate. The new id may be that of another parameter, whose chat would have got the message.
#[tokio::test(start_paused = true)]
async fn f6_a_call_to_another_chat_than_a_group_is_not_repeated() {
    let (service, mut calls, heard) = over(MigrateChatLayer::new());
    let forward = ForwardMessage::new(42, -5, 7);
    for call in [
        ApiRequest::new(&forward).unwrap(),
        to_chat("@channel"),
        to_chat(-1_001_234_567_890),
        ApiRequest::new(&GetMe::new()).unwrap(),
    ] {
        let call = begin(&service, call);
        calls.next_request().await.unwrap().1.send_error(migrated());
        assert!(call.await.unwrap().is_err());
    }
    assert!(heard.lock().unwrap().is_empty());
    drop(service);
    assert!(calls.next_request().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn f6_other_errors_are_returned() {
    let (service, mut calls, _) = over(MigrateChatLayer::new());
    let call = begin(&service, to_chat(-5));
    let respond = calls.next_request().await.unwrap().1;
    respond.send_error(Error::http(StatusCode::BAD_GATEWAY));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::BAD_GATEWAY));
}

#[tokio::test(start_paused = true)]
async fn f6_the_number_of_remembered_migrations_is_limited() {
    let (service, mut calls, heard) = over(MigrateChatLayer::new().max_remembered(2));
    for group in [-1, -2, -3] {
        let call = begin(&service, to_chat(group));
        refuse(&mut calls, group).await;
        answer(&mut calls, NEW).await;
        assert!(call.await.unwrap().is_ok());
    }
    for (group, goes_to) in [(-3, NEW), (-2, NEW), (-1, -1)] {
        let call = begin(&service, to_chat(group));
        answer(&mut calls, goes_to).await;
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(heard.lock().unwrap().len(), 3);
    assert_eq!(service.remembered(), 2);
}

#[tokio::test(start_paused = true)]
async fn f6_without_remembered_migrations_each_call_is_refused_first() {
    let (service, mut calls, heard) = over(MigrateChatLayer::new().max_remembered(0));
    for _ in 0..2 {
        let call = begin(&service, to_chat(-5));
        refuse(&mut calls, -5).await;
        answer(&mut calls, NEW).await;
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(heard.lock().unwrap().len(), 2);
}
