//! Runs the bot beside an OpenTelemetry collector on loopback, and reads the spans that it exports.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod bot;
mod redis_server;

use std::{
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
};

use bot::{Program, free_address, start_bot, start_bot_as, start_queue_bot, until};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use redis::aio::ConnectionManager;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::Server};
use tower_telegram::{queue::QueueWriter as _, redis::RedisQueue, webhook::RawUpdate};
use tower_telegram_test::{Telegram, update};

/// A collector that keeps the requests.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Starts a collector on loopback.
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(collector.clone());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        (collector, address)
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.lock().unwrap().clone()
    }

    /// The spans of this name.
    fn spans(&self, name: &str) -> Vec<Span> {
        let spans = self.all_spans().into_iter();
        spans.filter(|span| span.name == name).collect()
    }

    fn all_spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let scopes = requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

/// The attribute's value as text, or an empty text if there is none.
fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == name);
    let value = attribute.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn l12_a_collector_gets_the_spans_of_updates_and_calls() {
    let (collector, address) = Collector::start().await;
    let telegram = Telegram::start().await.unwrap();
    let mut bot = start_bot(&telegram, free_address(), Some(address)).await;
    let delivered = telegram.deliver_once(update::text(7, "hello")).await;
    assert_eq!(delivered.unwrap().status(), Some(200));

    stop(&mut bot).await;

    let [update] = &collector.spans("process message")[..] else {
        panic!("one span of the update: {:?}", collector.requests());
    };
    assert_eq!(update.kind(), SpanKind::Consumer);
    assert!(update.parent_span_id.is_empty());
    for (name, value) in [
        ("messaging.system", "telegram"),
        ("messaging.operation.type", "process"),
        ("telegram.update.type", "message"),
        ("telegram.update.outcome", "done"),
    ] {
        assert_eq!(attribute(&update.attributes, name), value, "{name}");
    }
    // By OpenTelemetry's convention it is a text.
    let id = update.attributes.iter();
    let id = id.filter(|attribute| attribute.key == "messaging.message.id");
    let id: Vec<_> = id
        .map(|id| id.value.clone().and_then(|value| value.value))
        .collect();
    assert!(matches!(&id[..], [Some(Value::StringValue(_))]), "{id:?}");
    let [call] = &collector.spans("sendMessage")[..] else {
        panic!("one span of the call: {:?}", collector.requests());
    };
    assert_eq!(call.kind(), SpanKind::Client);
    assert_eq!(call.trace_id, update.trace_id);
    assert_eq!(call.parent_span_id, update.span_id);
    assert_eq!(
        attribute(&call.attributes, "http.response.status_code"),
        "200"
    );
    let resources = collector.requests().into_iter();
    let mut resources = resources.flat_map(|request| request.resource_spans);
    let named = resources.all(|spans| {
        let resource = spans.resource.unwrap_or_default();
        attribute(&resource.attributes, "service.name") == "bot"
    });
    assert!(named);

    assert_private(&collector, &telegram);
}

/// Stops a bot as an orchestrator does, which exports the spans that are left.
async fn stop(bot: &mut Program) {
    let stopped = Command::new("kill").arg(bot.id().to_string()).status();
    assert!(stopped.unwrap().success());
    let succeeded = until("the bot has ended", || bot.has_succeeded()).await;
    assert!(succeeded);
}

/// Although the log is at `trace`, the crates below the bot export no spans; and neither the token nor the secret is in one.
fn assert_private(collector: &Collector, telegram: &Telegram) {
    for span in collector.all_spans() {
        let is_ours = ["messaging.system", "telegram.method"]
            .iter()
            .any(|name| !attribute(&span.attributes, name).is_empty());
        assert!(is_ours, "{span:?}");
    }
    let exported = format!("{:?}", collector.requests());
    for hidden in [telegram.token().to_string(), bot::SECRET.to_owned()] {
        assert!(!exported.contains(&hidden));
    }
}

/// The worker's span is in a trace of its own, with the call as its child and a link to the webhook's span. The context of
/// that one was in the queue with the update.
#[tokio::test]
async fn l12_the_span_of_an_update_from_a_queue_is_linked_to_the_one_that_put_it_there() {
    let Some(redis) = redis_server::start_redis().await else {
        return;
    };
    let (collector, address) = Collector::start().await;
    let telegram = Telegram::start().await.unwrap();
    let mut bot = start_queue_bot(&telegram, &redis.url(), address).await;
    let delivered = telegram.deliver_once(update::text(7, "hello")).await;
    assert_eq!(delivered.unwrap().status(), Some(200));
    telegram.wait_for_call("sendMessage").await.unwrap();
    stop(&mut bot).await;

    let all = collector.all_spans();
    let [sent] = &collector.spans("send message")[..] else {
        panic!("one span of the webhook: {all:?}");
    };
    assert_eq!(sent.kind(), SpanKind::Producer);
    assert!(sent.links.is_empty() && sent.parent_span_id.is_empty());
    let [processed] = &collector.spans("process message")[..] else {
        panic!("one span of the worker: {all:?}");
    };
    assert_eq!(processed.kind(), SpanKind::Consumer);
    let [link] = &processed.links[..] else {
        panic!("one link: {processed:?}");
    };
    assert_eq!(link.trace_id, sent.trace_id);
    assert_eq!(link.span_id, sent.span_id);
    assert!(processed.parent_span_id.is_empty());
    assert_ne!(processed.trace_id, sent.trace_id);
    let [call] = &collector.spans("sendMessage")[..] else {
        panic!("one span of the call: {all:?}");
    };
    assert_eq!(call.kind(), SpanKind::Client);
    assert_eq!(call.trace_id, processed.trace_id);
    assert_eq!(call.parent_span_id, processed.span_id);
    assert_private(&collector, &telegram);
}

/// A queue with another number of partitions ends the worker. The bot ends too, because it would only fill the queue.
#[tokio::test]
async fn l12_a_bot_whose_worker_ends_with_an_error_ends_with_it() {
    let Some(server) = redis_server::start_redis().await else {
        return;
    };
    let connection = redis::Client::open(server.url()).unwrap();
    let connection = ConnectionManager::new(connection).await.unwrap();
    let queue = RedisQueue::new(connection, "my_bot").partitions(3);
    let update = RawUpdate::from_bytes(r#"{"update_id":1,"poll":{}}"#.into()).unwrap();
    queue.put(None, &update).await.unwrap();

    let (_collector, address) = Collector::start().await;
    let telegram = Telegram::start().await.unwrap();
    let mut bot = start_queue_bot(&telegram, &server.url(), address).await;
    let succeeded = until("the bot has ended", || bot.has_succeeded()).await;
    assert!(!succeeded, "its worker couldn't work");
}

/// The span of the call that failed says why the bot doesn't start.
#[tokio::test]
async fn l12_a_bot_that_ends_with_an_error_exports_its_spans() {
    let (collector, address) = Collector::start().await;
    let telegram = Telegram::start().await.unwrap();
    let wrong = "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";
    let mut bot = start_bot_as(wrong, &telegram, free_address(), Some(address));
    let succeeded = until("the bot has ended", || bot.has_succeeded()).await;
    assert!(!succeeded, "Telegram doesn't know the token");
    let spans = collector.all_spans();
    let failed = spans.iter().filter(|span| {
        attribute(&span.attributes, "http.response.status_code") == "401"
            && attribute(&span.attributes, "error.type") == "api"
    });
    assert!(failed.count() > 0, "{spans:?}");
}
