//! Spans of updates that wait in a queue.

use std::{
    convert::Infallible,
    future::Ready,
    sync::{Arc, Mutex},
};

use http::{Request, Response, StatusCode, header};
use tower::{ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ClientBuilder},
    methods::SendMessage,
    redis::RedisQueue,
    trace::TraceUpdatesLayer,
    types::Update,
    webhook::Webhook,
};

use super::support::{Answers, SECOND, message, until};
use crate::{replicas::server::RedisServer, support::recorder::Recorder};

const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn l3_an_update_from_a_queue_is_linked_to_the_context_in_which_it_was_put_there() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (recorder, _guard) = Recorder::start();
    let queue = RedisQueue::new(server.connection(), "bot")
        .lease(SECOND)
        .trace_context(move || {
            tracing::info!("its context is needed");
            Some(CONTEXT.to_owned())
        });
    let linked = Arc::new(Mutex::new(Vec::new()));
    let links = Arc::clone(&linked);
    let layer = TraceUpdatesLayer::new().link_with(move |context, span| {
        let id = span.id().map(|id| id.into_u64());
        links.lock().unwrap().push((context.to_owned(), id));
    });
    let webhook = Webhook::without_secret_token().trace(layer);

    let body = String::from_utf8(message(5, 7).body().bytes().to_vec()).unwrap();
    let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
    let response = webhook
        .queue(&queue)
        .oneshot(request.body(body).unwrap())
        .await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);

    let bot = webhook.handler(async |_: Update| SendMessage::new(7, "hello"));
    let worker = queue.worker(Answers::default().client());
    let working = tokio::spawn(worker.run(bot.into_updates()));
    until("the reply is sent", || {
        recorder.calls().iter().any(|call| call.has_ended)
    })
    .await;
    working.abort();

    let updates = recorder.updates();
    let [sent, processed] = &updates[..] else {
        panic!("one when it is put there, one when it is handled: {updates:?}");
    };
    assert_eq!(sent.get("otel.name"), "send message");
    assert_eq!(sent.get("otel.kind"), "producer");
    assert_eq!(sent.get("telegram.update.outcome"), "done");
    let events = recorder.events();
    let event = events
        .iter()
        .find(|event| event.message() == "its context is needed");
    assert_eq!(event.unwrap().span, Some(sent.id));
    assert_eq!(processed.get("otel.name"), "process message");
    assert_eq!(processed.get("telegram.link.traceparent"), CONTEXT);
    assert_eq!(
        *linked.lock().unwrap(),
        [(CONTEXT.to_owned(), Some(processed.id))]
    );
    // Another process has it, so that it is no child.
    assert_eq!(processed.parent, None);
    let calls = recorder.calls();
    assert_eq!(calls[0].parent, Some(processed.id));
}

/// Panics when a reply is sent, which is outside the handler.
fn panicking_client() -> Client {
    let service = service_fn(
        |_: Request<ApiBody>| -> Ready<Result<Response<String>, Infallible>> {
            panic!("while the reply is sent")
        },
    );
    ClientBuilder::new(service, &"123456:a-Secret_One".parse().unwrap()).build()
}

#[tokio::test]
async fn l11_an_attempt_that_panics_outside_its_handler_is_logged_with_the_number() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (recorder, _guard) = Recorder::start();
    let queue = RedisQueue::new(server.connection(), "bot").lease(SECOND);
    queue.enqueue(None, message(5, 7).body()).await.unwrap();
    let bot = Webhook::without_secret_token();
    let bot = bot.handler(async |_: Update| SendMessage::new(7, "hello"));
    let worker = queue.worker(panicking_client());
    let working = tokio::spawn(worker.run(bot.into_updates()));
    let logged = || {
        let events = recorder.events().into_iter();
        let mut logged = events.filter(|event| event.message().contains("panicked outside"));
        logged.next()
    };
    until("the panic is logged", || logged().is_some()).await;
    working.abort();
    assert_eq!(logged().unwrap().fields["update_id"], "5");
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn l5_depth_and_age_of_each_partition_are_gauges() {
    use crate::support::metrics::Measured;

    let Some(server) = RedisServer::start().await else {
        return;
    };
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let queue = RedisQueue::new(server.connection(), "bot")
        .lease(SECOND)
        .partitions(1);
    for update_id in [1, 2, 3] {
        queue
            .enqueue(None, message(update_id, 7).body())
            .await
            .unwrap();
    }
    let bot = Webhook::without_secret_token();
    let bot = bot.handler(async |_: Update| std::future::pending::<()>().await);
    let worker = queue.worker(Answers::default().client());
    let working = tokio::spawn(worker.run(bot.into_updates()));
    let label = "{messaging.destination.name=\"bot\",messaging.destination.partition.id=\"0\"}";
    let depth = format!("telegram.queue.depth{label}");
    until("it is measured", || measured.value(&depth) == 3.0).await;
    // Those of one chat are handled one after the other.
    until("the first is being handled", || {
        measured.value("telegram.updates.in_flight") == 1.0
    })
    .await;
    let ages = measured.get(&format!("telegram.queue.age{label}"));
    assert!(
        ages.len() == 1 && (0.0..60.0).contains(&ages[0]),
        "{ages:?}"
    );
    working.abort();
}

/// The second update waits in its attempt for the first, by a sequence of the program's own.
#[cfg(feature = "metrics")]
#[tokio::test]
async fn l5_a_queued_updates_handler_has_its_own_time_too() {
    use std::time::Duration;

    use tower_telegram::webhook::{RawUpdate, SequenceLayer};

    use crate::support::metrics::Measured;

    const TIME: Duration = Duration::from_millis(300);

    let Some(server) = RedisServer::start().await else {
        return;
    };
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let queue = RedisQueue::new(server.connection(), "bot").lease(SECOND);
    for (update_id, chat) in [(1, 7), (2, 8)] {
        let update = message(update_id, chat);
        queue.enqueue(None, update.body()).await.unwrap();
    }
    let one_by_one = SequenceLayer::by(|_: &RawUpdate| Some(0));
    let bot = Webhook::without_secret_token().sequence(one_by_one);
    let bot = bot.handler(async |_: Update| tokio::time::sleep(TIME).await);
    let worker = queue.worker(Answers::default().client());
    let working = tokio::spawn(worker.run(bot.into_updates()));
    let labels = "{telegram.update.type=\"message\",telegram.update.outcome=\"done\"}";
    let of = |name: &str| measured.get(&format!("{name}{labels}"));
    until("both are handled", || {
        of("telegram.handler.duration").len() == 2
    })
    .await;
    working.abort();
    let (own, whole) = (
        of("telegram.handler.duration"),
        of("messaging.process.duration"),
    );
    let wait = measured.get("telegram.update.turn_wait");
    assert_eq!(wait.len(), 1, "{:?}", measured.keys());
    let time = TIME.as_secs_f64();
    assert!(own.iter().all(|own| *own >= time), "{own:?}");
    // The handler's time and the wait are parts of the attempt.
    assert!(
        own[0] <= whole[0] && own[1] + wait[0] <= whole[1],
        "{own:?} {wait:?} {whole:?}"
    );
}
