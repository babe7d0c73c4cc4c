//! D8: one after the other in a chat.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Request;
use serde_json::Value;
use tokio::{
    sync::{Barrier, Notify},
    task::{JoinSet, yield_now},
    time::timeout,
};
use tower::{ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::webhook::{
    DeliveryLayer, RawUpdate, Rejection, SequenceLayer, ServiceBuilderExt as _,
    sequence::{Lease, LockError, LockGuard, SequenceLock},
};
use tower_telegram_test::update;

use crate::support::{
    adapter::{AnyService, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Call, SECRET},
};

for_each_server! { threads:
    d8_a_message_and_a_press_in_a_chat_are_handled_one_after_the_other_and_chats_at_once
}

for_each_server! {
    d8_d9_if_too_many_wait_the_rejection_has_a_retry_after
}

/// Whatever takes this long hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// A bot behind the layer.
fn bot<F>(
    layer: SequenceLayer,
    handle: impl Fn(RawUpdate) -> F + Clone + Send + Sync + 'static,
) -> AnyService
where
    F: Future<Output = ()> + Send + 'static,
{
    let handler = service_fn(move |request: Request<RawUpdate>| {
        let handled = handle(request.into_body());
        async move {
            handled.await;
            Ok::<(), Infallible>(())
        }
    });
    let stack = ServiceBuilder::new()
        .secret_token(secret(SECRET))
        .update()
        .layer(layer)
        .reply()
        .service(handler);
    BoxCloneSyncService::new(stack)
}

fn call(id: u64, mut update: Value) -> Call {
    update["update_id"] = id.into();
    Call::new(update.to_string())
}

const CHATS: i64 = 4;

/// A handler that doesn't end before all chats have entered it.
#[derive(Debug)]
struct Meeting {
    inside: Mutex<HashMap<i64, usize>>,
    all: Barrier,
}

impl Meeting {
    fn new() -> Arc<Self> {
        let chats = usize::try_from(CHATS).expect("a few");
        Arc::new(Self {
            inside: Mutex::default(),
            all: Barrier::new(chats),
        })
    }

    fn step(&self, chat: i64, step: impl FnOnce(&mut usize)) {
        let mut inside = self.inside.lock().expect("not poisoned");
        step(inside.entry(chat).or_default());
    }

    async fn handle(self: Arc<Self>, update: RawUpdate) {
        let chat = update.chat_id().expect("a chat");
        self.step(chat, |inside| {
            *inside += 1;
            assert_eq!(*inside, 1, "in chat {chat}");
        });
        self.all.wait().await;
        // A handler that begins too early can do so now.
        for _ in 0..100 {
            yield_now().await;
        }
        self.step(chat, |inside| *inside -= 1);
    }
}

async fn d8_a_message_and_a_press_in_a_chat_are_handled_one_after_the_other_and_chats_at_once(
    server: Server,
) {
    let meeting = Meeting::new();
    let bot = bot(SequenceLayer::new(), move |update| {
        meeting.clone().handle(update)
    });
    let endpoint = server.serve_any(bot).await;
    let mut answers = JoinSet::new();
    for chat in 1..=CHATS {
        for (id, update) in (0..).zip([
            update::text(chat, "hello"),
            update::callback_query(chat, "pressed"),
            update::edited_text(chat, 1, "hello!"),
        ]) {
            answers.spawn(endpoint.sending(call(id, update)));
        }
    }
    let answers = timeout(STEP_TIMEOUT, answers.join_all()).await;
    for answer in answers.expect("the chats don't wait for each other") {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

async fn d8_d9_if_too_many_wait_the_rejection_has_a_retry_after(server: Server) {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let doors = (entered.clone(), leave.clone());
    let handle = move |_| {
        let (entered, leave) = doors.clone();
        async move {
            entered.notify_one();
            leave.notified().await;
        }
    };
    let bot = bot(SequenceLayer::new().max_waiting(0), handle);
    let endpoint = server.serve_any(bot).await;
    let first = tokio::spawn(endpoint.sending(call(1, update::text(7, "hi"))));
    entered.notified().await;
    let pressed = call(2, update::callback_query(7, "pressed"));
    let refused = endpoint.send(&pressed).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
    assert!(refused.body.is_empty(), "{refused:?}");

    leave.notify_one();
    assert_eq!(first.await.expect("no panic").status, 200);
    leave.notify_one();
    assert_eq!(endpoint.send(&pressed).await.status, 200);
    entered.notified().await;
}

fn raw(json: &'static str) -> Request<RawUpdate> {
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

/// Below `DeliveryLayer` a handler outlives its request, and so does its turn.
#[tokio::test]
async fn d3_d8_who_hangs_up_on_a_running_handler_doesnt_let_the_next_on() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = (entered.clone(), leave.clone(), steps.clone());
    let handler = service_fn(move |request: Request<RawUpdate>| {
        let (entered, leave, steps) = seen.clone();
        let step = move |step| {
            let step = (request.body().update_id(), step);
            steps.lock().expect("not poisoned").push(step);
        };
        async move {
            step("begins");
            entered.notify_one();
            leave.notified().await;
            step("ends");
            Ok::<(), Infallible>(())
        }
    });
    let service = ServiceBuilder::new()
        .delivery()
        .sequence()
        .reply()
        .service(handler);
    let first = raw(r#"{"update_id":1,"message":{"chat":{"id":7}}}"#);
    let first = tokio::spawn(service.clone().oneshot(first));
    entered.notified().await;
    first.abort();
    assert!(first.await.expect_err("it hung up").is_cancelled());
    let second = raw(r#"{"update_id":2,"callback_query":{"message":{"chat":{"id":7}}}}"#);
    let second = tokio::spawn(service.oneshot(second));
    for _ in 0..100 {
        yield_now().await;
    }
    leave.notify_one();
    entered.notified().await;
    leave.notify_one();
    let answer = second.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    let steps = steps.lock().expect("not poisoned").clone();
    let expected = [(1, "begins"), (1, "ends"), (2, "begins"), (2, "ends")];
    assert_eq!(steps, expected);
}

/// Answers with the next of these, and notes what it is asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<(), &'static str>>>,
    noted: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn note(&self, what: String) {
        self.noted.lock().expect("not poisoned").push(what);
    }
}

#[derive(Debug)]
struct Noting(Arc<Mutex<Vec<String>>>);

impl SequenceLock for Scripted {
    type Guard = Noting;

    async fn acquire(&self, key: &str) -> Result<Noting, LockError> {
        self.note(format!("asked for {key}"));
        let answer = self.answers.lock().expect("not poisoned").pop_front();
        match answer {
            None => std::future::pending().await,
            Some(Ok(())) => Ok(Noting(self.noted.clone())),
            Some(Err(why)) => Err(LockError::new(why)),
        }
    }
}

impl LockGuard for Noting {
    async fn release(self) {
        self.0
            .lock()
            .expect("not poisoned")
            .push("given back".into());
    }
}

#[tokio::test(start_paused = true)]
async fn d8_d12_an_update_without_a_turn_is_503_and_none_of_its_attempts() {
    let answers = [Err("no"), Err("no"), Ok(()), Err("no")];
    let lock = Scripted {
        answers: Mutex::new(answers.into()),
        ..Scripted::default()
    };
    let noted = lock.noted.clone();
    let called = noted.clone();
    let service = ServiceBuilder::new()
        .layer(DeliveryLayer::new().max_attempts(1))
        .layer(SequenceLayer::new().with_lock(lock))
        .reply()
        .service(service_fn(move |request: Request<RawUpdate>| {
            assert!(request.extensions().get::<Lease>().is_none(), "it has none");
            called.lock().expect("not poisoned").push("called".into());
            std::future::ready(Ok::<(), Infallible>(()))
        }));
    let send = async |json| service.clone().oneshot(raw(json)).await.expect("an answer");
    let message = r#"{"update_id":1,"message":{"chat":{"id":7}}}"#;
    let pressed = r#"{"update_id":2,"callback_query":{"from":{"id":8}}}"#;
    for _ in 0..2 {
        let answer = send(message).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(answer.extensions().get(), Some(&Rejection::LockUnavailable));
    }
    assert_eq!(send(message).await.status(), 200);
    // The answer doesn't wait for that.
    while noted
        .lock()
        .expect("not poisoned")
        .last()
        .map(String::as_str)
        != Some("given back")
    {
        yield_now().await;
    }
    assert_eq!(send(message).await.status(), 200, "it was handled");
    assert_eq!(send(pressed).await.status(), 503);
    // The lock says nothing any more.
    let began = tokio::time::Instant::now();
    let answer = send(pressed).await;
    assert_eq!(began.elapsed(), Duration::from_secs(40));
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(answer.extensions().get(), Some(&Rejection::QueueTimeout));
    let expected = [
        "asked for 0:7",
        "asked for 0:7",
        "asked for 0:7",
        "called",
        "given back",
        "asked for 0:8",
        "asked for 0:8",
    ];
    assert_eq!(*noted.lock().expect("not poisoned"), expected);
}

#[tokio::test(start_paused = true)]
async fn d8_d9_without_a_lock_the_wait_can_be_bounded_too() {
    let limit = Duration::from_secs(5);
    let service = ServiceBuilder::new()
        .layer(SequenceLayer::new().max_wait(limit))
        .reply()
        .service(service_fn(|_: Request<RawUpdate>| {
            std::future::pending::<Result<(), Infallible>>()
        }));
    let message = r#"{"update_id":1,"message":{"chat":{"id":7}}}"#;
    let mut first = tokio_test::task::spawn(service.clone().oneshot(raw(message)));
    assert!(first.poll().is_pending());
    let began = tokio::time::Instant::now();
    let answer = service.oneshot(raw(message)).await.expect("an answer");
    assert_eq!(began.elapsed(), limit);
    assert_eq!(answer.extensions().get(), Some(&Rejection::QueueTimeout));
}
