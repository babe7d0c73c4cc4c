//! The trace context of an update, from NATS to its span.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tower::{BoxError, Layer as _, service_fn};
use tower_telegram::{
    nats::NatsQueue,
    trace::TraceUpdatesLayer,
    webhook::{RawUpdate, ReplyBody},
};

use crate::{
    node,
    process::Folder,
    queue::{SECOND, done, message, until},
    recorder::Recorder,
    support::{client, fill},
};

const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// It is in a header of the message.
#[tokio::test]
async fn l3_an_update_from_nats_is_linked_to_the_context_in_which_it_was_put_there() {
    let (recorder, _guard) = Recorder::start();
    let folder = Folder::new();
    let node = node::start_alone(&folder).await;
    let context = node::connect(std::slice::from_ref(&node.url)).await;
    let contexts = Arc::new(Mutex::new(vec![None, Some(CONTEXT.to_owned())]));
    let queue = NatsQueue::new(context, "bot").unwrap().lease(SECOND);
    let queue = queue.trace_context(move || contexts.lock().unwrap().pop().unwrap());
    fill(&queue, [message(1, 7), message(2, 7)]).await;

    let linked = Arc::new(Mutex::new(Vec::new()));
    let (links, handled) = (Arc::clone(&linked), Arc::new(Mutex::new(0)));
    let layer = TraceUpdatesLayer::new().link_with(move |context, span| {
        let id = span.id().map(|id| id.into_u64());
        links.lock().unwrap().push((context.to_owned(), id));
    });
    let count = Arc::clone(&handled);
    let service = layer.layer(service_fn(move |_: Request<RawUpdate>| {
        *count.lock().unwrap() += 1;
        async { Ok::<Response<ReplyBody>, BoxError>(done()) }
    }));
    let worker = queue.worker(client());
    let working = tokio::spawn(worker.run(service));
    until(|| *handled.lock().unwrap() == 2, "both are handled").await;
    working.abort();

    let updates = recorder.updates();
    let found: Vec<_> = updates
        .iter()
        .map(|span| {
            let link = span.get("telegram.link.traceparent");
            (span.get("messaging.message.id"), link)
        })
        .collect();
    assert_eq!(found, [("1", CONTEXT), ("2", "")]);
    let expected = [(CONTEXT.to_owned(), Some(updates[0].id))];
    assert_eq!(*linked.lock().unwrap(), expected);
}
