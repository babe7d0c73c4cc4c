//! getUpdates into the stack that a webhook has, over real sockets.

mod chats;
mod ending;
mod other_servers;
mod settings;
mod support;
mod trouble;
mod unreadable;

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot};
use tower::service_fn;
use tower_telegram::{
    Client,
    client::Error,
    methods::SendMessage,
    polling::Polling,
    types::Update,
    webhook::{RawUpdate, ReplyBody, Webhook},
};
use tower_telegram_test::{Telegram, update};

async fn telegram() -> (Telegram, Client) {
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a URL");
    (telegram, client)
}

/// Answers with a status and asks for no pause.
fn status(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, 0.into());
    response
}

/// A polling bot that shuts down when this is dropped or sent to.
struct Running {
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.done.await.expect("no panic").expect("no error");
    }
}

macro_rules! run {
    ($polling:expr, $service:expr) => {{
        let (stop, stopped) = oneshot::channel();
        let run = $polling.run_until($service, async { drop(stopped.await) });
        let done = tokio::spawn(run);
        Running { stop, done }
    }};
}

fn in_chat(chat: i64, text: &str) -> Value {
    update::text(chat, text)
}

#[tokio::test]
async fn a_webhooks_handler_serves_polling_too_and_its_reply_is_called() {
    let (telegram, client) = telegram().await;
    let webhook = Webhook::without_secret_token().handler(async |update: Update| {
        let message = update.any_message()?;
        Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
    });
    let running = run!(Polling::new(client), webhook.into_updates());
    let id = telegram.enqueue(in_chat(7, "echo")).expect("queued");
    let call = telegram.wait_for_call("sendMessage").await.expect("a call");
    assert_eq!(call.params["text"], "echo");
    assert_eq!(call.params["chat_id"].to_string().trim_matches('"'), "7");
    telegram.wait_until_confirmed(id).await.expect("confirmed");
    running.stop().await;
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn an_update_is_tried_again_and_then_abandoned_without_holding_up_the_rest() {
    let (telegram, client) = telegram().await;
    let (failed, mut abandoned) = mpsc::unbounded_channel();
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let service = service_fn(move |request: Request<RawUpdate>| {
        let bad = request.body().chat_id() == Some(1);
        let code = if bad {
            let before = count.fetch_add(1, Ordering::Relaxed);
            assert!(before != 1, "the second try panics");
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        };
        ready(Ok::<_, Infallible>(status(code)))
    });
    let polling = Polling::new(client)
        .max_attempts(3)
        .dead_letter(move |letter| {
            let id = letter.update.update_id();
            failed.send(id).expect("the test listens");
            ready(())
        });
    let running = run!(polling, service);
    let bad = telegram.enqueue(in_chat(1, "bad")).expect("queued");
    let good = telegram.enqueue(in_chat(2, "good")).expect("queued");
    telegram
        .wait_until_confirmed(good)
        .await
        .expect("confirmed");
    assert_eq!(abandoned.recv().await, i64::try_from(bad).ok());
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    running.stop().await;
}

#[tokio::test]
async fn one_chat_stays_in_order_while_another_goes_on() {
    let (telegram, client) = telegram().await;
    let (go, seen) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
    let texts = ["slow", "after", "other"];
    let ids = texts.map(|text| {
        let chat = if text == "other" { 2 } else { 1 };
        telegram.enqueue(in_chat(chat, text)).expect("queued")
    });
    let (gate, record) = (Arc::clone(&go), Arc::clone(&seen));
    let webhook = Webhook::without_secret_token().handler(move |update: Update| {
        let (gate, record) = (Arc::clone(&gate), Arc::clone(&record));
        async move {
            let text = update.any_message().and_then(|m| m.text.clone());
            let text = text.unwrap_or_default().to_string();
            if text == "slow" {
                gate.notified().await;
            }
            record.lock().expect("unpoisoned").push(text.clone());
            if text == "other" {
                gate.notify_one();
            }
        }
    });
    let running = run!(Polling::new(client), webhook.into_updates());
    telegram
        .wait_until_confirmed(ids[2])
        .await
        .expect("confirmed");
    assert_eq!(
        *seen.lock().expect("unpoisoned"),
        ["other", "slow", "after"]
    );
    running.stop().await;
}

#[tokio::test]
async fn shutdown_finishes_running_handlers_and_confirms_only_done_updates() {
    let (telegram, client) = telegram().await;
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = telegram.enqueue(in_chat(1, "runs")).expect("queued");
    telegram.enqueue(in_chat(1, "waits")).expect("queued");
    let (started, gate) = (Arc::clone(&began), Arc::clone(&go));
    let webhook = Webhook::without_secret_token().handler(move |_: Update| {
        let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
        async move {
            started.notify_one();
            gate.notified().await;
        }
    });
    let running = run!(Polling::new(client), webhook.into_updates());
    began.notified().await;
    running.stop.send(()).expect("it runs");
    go.notify_one();
    running.done.await.expect("no panic").expect("no error");
    telegram
        .wait_until_confirmed(first)
        .await
        .expect("confirmed");
    assert_eq!(telegram.pending_updates(), 1, "the second comes again");
}

#[tokio::test]
async fn shutdown_cuts_off_what_does_not_end() {
    let (telegram, client) = telegram().await;
    let began = Arc::new(Notify::new());
    telegram.enqueue(in_chat(1, "for ever")).expect("queued");
    let started = Arc::clone(&began);
    let webhook = Webhook::without_secret_token().handler(move |_: Update| {
        started.notify_one();
        std::future::pending::<()>()
    });
    let polling = Polling::new(client).shutdown_timeout(Duration::ZERO);
    let running = run!(polling, webhook.into_updates());
    began.notified().await;
    running.stop().await;
    assert_eq!(telegram.pending_updates(), 1);
}

#[tokio::test]
async fn g5_a_webhook_in_the_way_ends_it_unless_it_is_to_be_deleted() {
    let (telegram, client) = telegram().await;
    telegram
        .set_webhook("http://127.0.0.1:9/", None)
        .expect("set");
    let service =
        service_fn(|_: Request<RawUpdate>| ready(Ok::<_, Infallible>(status(StatusCode::OK))));
    let Err(error) = Polling::new(client.clone()).run(service).await;
    assert!(error.is_conflict(), "{error}");
    assert!(error.to_string().contains("deleteWebhook"), "{error}");
    let running = run!(Polling::new(client).delete_webhook(), service);
    telegram
        .wait_for_call("deleteWebhook")
        .await
        .expect("called");
    let id = telegram.enqueue(in_chat(1, "x")).expect("queued");
    telegram.wait_until_confirmed(id).await.expect("confirmed");
    running.stop().await;
}

#[tokio::test]
async fn temporary_trouble_is_waited_out_and_refusals_end_it() {
    use tower_telegram_test::Answer;

    let (telegram, client) = telegram().await;
    telegram.answer_once("getUpdates", Answer::too_many_requests(0));
    let service =
        service_fn(|_: Request<RawUpdate>| ready(Ok::<_, Infallible>(status(StatusCode::OK))));
    let running = run!(Polling::new(client.clone()), service);
    let id = telegram.enqueue(in_chat(1, "x")).expect("queued");
    telegram.wait_until_confirmed(id).await.expect("confirmed");
    running.stop().await;
    telegram.answer("getUpdates", Answer::error(401, "Unauthorized"));
    let Err(error) = Polling::new(client).run(service).await;
    assert!(error.is_unauthorized(), "{error}");
    let params = telegram
        .wait_for_call("getUpdates")
        .await
        .expect("a call")
        .params;
    assert_eq!(json!(params)["timeout"].to_string().trim_matches('"'), "50");
}
