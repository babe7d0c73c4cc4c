//! D1–D7, D9, D10: each update once and in time, over every server.

use std::{
    convert::Infallible,
    fmt,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::Request;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    task::yield_now,
    time::timeout,
};
use tower::{service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    Client, IntoReply as _, Reply,
    methods::SendMessage,
    types::Update,
    webhook::{
        BotId, DeadlineLayer, DeliveryLayer, SecretTokens, Webhook,
        delivery::{
            Claim, ClaimToken, DeadLetter, DeliveryHandle, DeliveryKey, DeliveryStore, MemoryStore,
            StoreError,
        },
    },
};
use tower_telegram_test::{Telegram, Via, update};

use crate::support::{
    adapter::{BoxError, Endpoint, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Answer, Call, SECRET, SECRET_HEADER},
};

for_each_server! {
    d1_an_update_that_is_done_is_not_handled_again
    d2_a_redelivery_joins_the_running_handler_and_the_last_has_the_reply
    d3_a_hang_up_does_not_end_the_handler_and_each_redelivery_has_its_reply
    d3_a_request_that_joins_while_the_update_is_recorded_gets_the_reply
    d4_numbers_that_come_in_another_order_are_all_handled
    d5_errors_and_panics_are_500_and_the_redelivery_runs_again
    d5_a_request_that_joined_a_failing_handler_gets_its_failure
    d6_what_fails_five_times_goes_to_the_dead_letters_and_is_done
    d6_an_update_whose_dead_letter_hook_fails_is_not_abandoned
    d6_the_hook_is_waited_for
    d7_a_slow_handler_is_answered_for_and_the_redelivery_joins_it
    d7_acked_early_the_reply_comes_later_through_the_client
    d7_in_time_the_reply_is_the_answer_though_it_could_be_acked
    d9_too_many_updates_are_rejected_and_none_is_lost
    d10_shutdown_rejects_new_updates_and_waits_for_running_ones
    d10_what_does_not_end_is_cut_off_and_named
    d16_an_answer_that_is_lost_is_given_again_with_its_reply
    d16_bots_on_one_endpoint_have_replies_of_their_own
}

for_each_server! { sockets:
    d5_telegram_sends_until_it_works_and_the_handler_succeeds_once
}

/// The bot's behaviour, which the test sets.
#[derive(Clone, Debug)]
struct Bot {
    /// How often it was called.
    calls: Arc<AtomicU32>,
    began: Arc<Semaphore>,
    /// The permits that it waits for.
    go: Arc<Semaphore>,
    waits: bool,
    /// So many calls fail first; every other by a panic.
    failing: u32,
}

impl Bot {
    fn new() -> Self {
        Self {
            calls: Arc::default(),
            began: Arc::new(Semaphore::new(0)),
            go: Arc::new(Semaphore::new(0)),
            waits: false,
            failing: 0,
        }
    }

    fn waiting() -> Self {
        Self {
            waits: true,
            ..Self::new()
        }
    }

    fn failing(times: u32) -> Self {
        Self {
            failing: times,
            ..Self::new()
        }
    }

    async fn handle(self, update: Update) -> Result<Reply, BoxError> {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        self.began.add_permits(1);
        if self.waits {
            self.go.acquire().await?.forget();
        }
        if before < self.failing {
            assert!(before.is_multiple_of(2), "this one panics");
            return Err("not yet".into());
        }
        Ok(SendMessage::new(7, update.update_id.to_string()).into_reply()?)
    }

    async fn has_begun(&self) {
        let begun = timeout(STEP_TIMEOUT, self.began.acquire()).await;
        begun.expect("it begins").expect("open").forget();
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// Awaits a condition without a notification.
async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            yield_now().await;
        }
    };
    timeout(STEP_TIMEOUT, met)
        .await
        .expect("the condition is met");
}

fn call(id: u64) -> Call {
    Call::new(json!({"update_id": id, "poll": {"id": "1"}}).to_string())
}

/// A bot behind a server, with what ends its deliveries.
struct Hosted {
    server: Server,
    endpoint: Endpoint,
    bot: Bot,
    handle: DeliveryHandle,
}

impl fmt::Display for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.server.name())
    }
}

impl Hosted {
    async fn send(&self, id: u64) -> Answer {
        self.endpoint.send(&call(id)).await
    }

    /// Sends on a task of its own, and waits until the bot has so many requests waiting.
    async fn ask(&self, id: u64, waiting: usize) -> tokio::task::JoinHandle<Answer> {
        let asking = tokio::spawn(self.endpoint.sending(call(id)));
        until(|| self.handle.waiting() == waiting).await;
        asking
    }
}

async fn serve(server: Server, bot: Bot, delivery: DeliveryLayer) -> Hosted {
    serve_with(server, bot, delivery, |webhook| webhook).await
}

async fn serve_with(
    server: Server,
    bot: Bot,
    delivery: DeliveryLayer,
    with: impl FnOnce(Webhook) -> Webhook,
) -> Hosted {
    let handle = delivery.handle();
    let webhook = with(Webhook::new(secret(SECRET)).delivery(delivery));
    let handler = bot.clone();
    let service = webhook.handler(move |update| handler.clone().handle(update));
    let endpoint = server.serve(service).await;
    Hosted {
        server,
        endpoint,
        bot,
        handle,
    }
}

/// The text of the message that the answer sends, if it sends one.
fn sent(answer: &Answer) -> Option<String> {
    if answer.body.is_empty() {
        return None;
    }
    answer.json()["text"].as_str().map(ToOwned::to_owned)
}

async fn d1_an_update_that_is_done_is_not_handled_again(server: Server) {
    let hosted = serve(server, Bot::new(), DeliveryLayer::new()).await;
    let first = hosted.send(1).await;
    assert_eq!(sent(&first).as_deref(), Some("1"), "{hosted}");
    for _ in 0..3 {
        assert_eq!(hosted.send(1).await.status, 200, "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 1, "{hosted}");
}

async fn d2_a_redelivery_joins_the_running_handler_and_the_last_has_the_reply(server: Server) {
    let hosted = serve(server, Bot::waiting(), DeliveryLayer::new()).await;
    let first = hosted.ask(1, 1).await;
    hosted.bot.has_begun().await;
    let second = hosted.ask(1, 2).await;
    let third = hosted.ask(1, 3).await;
    hosted.bot.go.add_permits(1);
    for (asked, reply) in [(first, None), (second, None), (third, Some("1"))] {
        let answer = asked.await.expect("no panic");
        assert_eq!(answer.status, 200, "{hosted}");
        assert_eq!(sent(&answer).as_deref(), reply, "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 1, "{hosted}");
}

async fn d3_a_hang_up_does_not_end_the_handler_and_each_redelivery_has_its_reply(server: Server) {
    let hosted = serve(server, Bot::waiting(), DeliveryLayer::new()).await;
    hosted.ask(1, 1).await.abort();
    hosted.bot.has_begun().await;
    until(|| hosted.handle.waiting() == 0).await;
    hosted.bot.go.add_permits(1);
    until(|| hosted.handle.running() == 0).await;
    for _ in 0..3 {
        let again = hosted.send(1).await;
        assert_eq!(sent(&again).as_deref(), Some("1"), "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 1, "{hosted}");
}

/// The answer was on its way when the connection broke, again and again.
async fn d16_an_answer_that_is_lost_is_given_again_with_its_reply(server: Server) {
    let hosted = serve(server, Bot::new(), DeliveryLayer::new()).await;
    for _ in 0..4 {
        let answer = hosted.send(1).await;
        assert_eq!(sent(&answer).as_deref(), Some("1"), "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 1, "{hosted}");
}

/// Two bots get updates of the same number, because each bot has numbers of its own.
async fn d16_bots_on_one_endpoint_have_replies_of_their_own(server: Server) {
    let secrets = ["one", "two"].map(secret);
    let tokens: SecretTokens = (1..).map(BotId).zip(secrets).collect();
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let handler = service_fn(move |request: Request<Update>| {
        count.fetch_add(1, Ordering::Relaxed);
        let bot = request.extensions().get().map_or(0, |&BotId(bot)| bot);
        ready(Ok::<_, Infallible>(SendMessage::new(7, bot.to_string())))
    });
    let endpoint = server.serve(Webhook::new(tokens).service(handler)).await;
    for _ in 0..3 {
        for (text, bot) in [("one", "1"), ("two", "2")] {
            let answer = endpoint.send(&call(1).with(SECRET_HEADER, text)).await;
            assert_eq!(sent(&answer).as_deref(), Some(bot), "{}", server.name());
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2, "{}", server.name());
}

async fn d4_numbers_that_come_in_another_order_are_all_handled(server: Server) {
    let hosted = serve(server, Bot::new(), DeliveryLayer::new()).await;
    for id in [5, 3, 1_000_000, 4, 1] {
        let answer = hosted.send(id).await;
        assert_eq!(sent(&answer), Some(id.to_string()), "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 5, "{hosted}");
}

async fn d5_errors_and_panics_are_500_and_the_redelivery_runs_again(server: Server) {
    let hosted = serve(server, Bot::failing(2), DeliveryLayer::new()).await;
    for pause in ["1", "2"] {
        let failed = hosted.send(1).await;
        assert_eq!(failed.status, 500, "{hosted}");
        assert_eq!(failed.header("retry-after"), Some(pause), "{hosted}");
    }
    let answer = hosted.send(1).await;
    assert_eq!(sent(&answer).as_deref(), Some("1"), "{hosted}");
    assert_eq!(hosted.bot.calls(), 3, "{hosted}");
}

async fn d5_a_request_that_joined_a_failing_handler_gets_its_failure(server: Server) {
    let failing = Bot {
        failing: 1,
        ..Bot::waiting()
    };
    let hosted = serve(server, failing, DeliveryLayer::new()).await;
    let first = hosted.ask(1, 1).await;
    let second = hosted.ask(1, 2).await;
    hosted.bot.go.add_permits(1);
    for asked in [first, second] {
        let answer = asked.await.expect("no panic");
        assert_eq!(answer.status, 500, "{hosted}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{hosted}");
    }
}

async fn d6_what_fails_five_times_goes_to_the_dead_letters_and_is_done(server: Server) {
    let letters = Arc::new(Mutex::new(Vec::<DeadLetter>::new()));
    let taken = Arc::clone(&letters);
    let delivery = DeliveryLayer::new().dead_letter(move |letter| {
        taken.lock().expect("unpoisoned").push(letter);
        ready(())
    });
    let hosted = serve(server, Bot::failing(u32::MAX), delivery).await;
    for _ in 0..4 {
        assert_eq!(hosted.send(1).await.status, 500, "{hosted}");
    }
    let fifth = hosted.send(1).await;
    assert_eq!((fifth.status, sent(&fifth)), (200, None), "{hosted}");
    let letters = std::mem::take(&mut *letters.lock().expect("unpoisoned"));
    let [letter] = &letters[..] else {
        panic!("{hosted}: {letters:?}");
    };
    assert_eq!((letter.update.update_id(), letter.attempts), (1, 5));
    let error = letter.failure.as_error().expect("an error");
    assert_eq!(error.to_string(), "not yet", "{hosted}");
    assert_eq!(hosted.send(1).await.status, 200, "{hosted}");
    assert_eq!(hosted.bot.calls(), 5, "{hosted}");
}

async fn d6_an_update_whose_dead_letter_hook_fails_is_not_abandoned(server: Server) {
    let delivery = DeliveryLayer::new().max_attempts(1);
    let delivery = delivery.dead_letter(|_| async { panic!("no room for letters") });
    let hosted = serve(server, Bot::failing(1), delivery).await;
    assert_eq!(hosted.send(1).await.status, 500, "{hosted}");
}

async fn d7_a_slow_handler_is_answered_for_and_the_redelivery_joins_it(server: Server) {
    let soon = |webhook: Webhook| webhook.deadline(DeadlineLayer::new(Duration::from_millis(20)));
    let hosted = serve_with(server, Bot::waiting(), DeliveryLayer::new(), soon).await;
    let late = hosted.send(1).await;
    assert_eq!(late.status, 503, "{hosted}");
    assert_eq!(late.header("retry-after"), Some("1"), "{hosted}");
    hosted.bot.go.add_permits(1);
    until(|| hosted.handle.running() == 0).await;
    let mut answer = hosted.send(1).await;
    // A busy machine may be late once more.
    while answer.status == 503 {
        answer = hosted.send(1).await;
    }
    assert_eq!(sent(&answer).as_deref(), Some("1"), "{hosted}");
    assert_eq!(hosted.bot.calls(), 1, "{hosted}");
}

async fn d7_acked_early_the_reply_comes_later_through_the_client(server: Server) {
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a URL");
    let limit = Duration::from_millis(20);
    let ack = |webhook: Webhook| webhook.deadline(DeadlineLayer::ack_after(limit, client));
    // The first try fails, and there will be no redelivery.
    let failing = Bot {
        failing: 1,
        ..Bot::waiting()
    };
    let hosted = serve_with(server, failing, DeliveryLayer::new(), ack).await;
    let acked = hosted.send(1).await;
    assert_eq!((acked.status, sent(&acked)), (200, None), "{hosted}");
    hosted.bot.go.add_permits(2);
    let call = telegram.wait_for_call("sendMessage").await;
    assert_eq!(call.expect("sent").params["text"], "1", "{hosted}");
    assert_eq!(hosted.bot.calls(), 2, "{hosted}");
    assert_eq!(telegram.calls().len(), 1);
    // The acknowledgement may be lost as well: the client has sent the reply.
    let again = hosted.send(1).await;
    assert_eq!((again.status, sent(&again)), (200, None), "{hosted}");
    assert_eq!(hosted.bot.calls(), 2, "{hosted}");
}

async fn d7_in_time_the_reply_is_the_answer_though_it_could_be_acked(server: Server) {
    let token = "1:a".parse().expect("a token");
    let nowhere = Client::with_base_url(&token, "http://127.0.0.1:9").expect("a URL");
    let ack = |webhook: Webhook| webhook.deadline(DeadlineLayer::ack_after(STEP_TIMEOUT, nowhere));
    let hosted = serve_with(server, Bot::new(), DeliveryLayer::new(), ack).await;
    for _ in 0..2 {
        let answer = hosted.send(1).await;
        assert_eq!(sent(&answer).as_deref(), Some("1"), "{hosted}");
    }
}

async fn d9_too_many_updates_are_rejected_and_none_is_lost(server: Server) {
    let small = DeliveryLayer::new().max_running(2);
    let hosted = serve(server, Bot::waiting(), small).await;
    let first = hosted.ask(1, 1).await;
    // One that hung up takes room as well, because its handler goes on.
    hosted.ask(2, 2).await.abort();
    until(|| hosted.handle.waiting() == 1).await;
    let third = hosted.send(3).await;
    assert_eq!(third.status, 503, "{hosted}");
    assert_eq!(third.header("retry-after"), Some("1"), "{hosted}");
    hosted.bot.go.add_permits(3);
    assert_eq!(first.await.expect("no panic").status, 200, "{hosted}");
    until(|| hosted.handle.running() == 0).await;
    for id in [2, 3] {
        let answer = hosted.send(id).await;
        assert_eq!(sent(&answer), Some(id.to_string()), "{hosted}");
    }
    assert_eq!(hosted.bot.calls(), 3, "{hosted}");
}

async fn d10_shutdown_rejects_new_updates_and_waits_for_running_ones(server: Server) {
    let hosted = serve(server, Bot::waiting(), DeliveryLayer::new()).await;
    let running = hosted.ask(1, 1).await;
    hosted.bot.has_begun().await;
    let handle = hosted.handle.clone();
    handle.close();
    let ending = tokio::spawn(async move { handle.shutdown(STEP_TIMEOUT).await });
    let new = hosted.send(2).await;
    assert_eq!(new.status, 503, "{hosted}");
    assert_eq!(new.header("retry-after"), Some("1"), "{hosted}");
    let joined = hosted.ask(1, 2).await;
    hosted.bot.go.add_permits(1);
    assert_eq!(running.await.expect("no panic").status, 200, "{hosted}");
    let joined = joined.await.expect("no panic");
    assert_eq!(sent(&joined).as_deref(), Some("1"), "{hosted}");
    assert!(ending.await.expect("no panic").is_clean(), "{hosted}");
}

async fn d10_what_does_not_end_is_cut_off_and_named(server: Server) {
    let hosted = serve(server, Bot::waiting(), DeliveryLayer::new()).await;
    let running = hosted.ask(1, 1).await;
    hosted.bot.has_begun().await;
    let report = hosted.handle.shutdown(Duration::ZERO).await;
    let ids: Vec<_> = report.cancelled.iter().map(|key| key.update_id).collect();
    assert_eq!(ids, [1], "{hosted}");
    let answer = running.await.expect("no panic");
    assert_eq!(answer.status, 503, "{hosted}");
    assert_eq!(hosted.handle.running(), 0, "{hosted}");
}

/// With Telegram's own way of sending again.
async fn d5_telegram_sends_until_it_works_and_the_handler_succeeds_once(server: Server) {
    let telegram = Telegram::start().await.expect("a port");
    let bot = Bot::failing(2);
    let handler = bot.clone();
    let webhook = Webhook::new(secret(SECRET)).handler(move |u| handler.clone().handle(u));
    let Endpoint::Socket(address) = server.serve(webhook).await else {
        panic!("{} has no sockets", server.name());
    };
    let url = format!("http://{address}/bot");
    telegram.set_webhook(&url, SECRET).expect("set");
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert!(exchange.is_delivered(), "{exchange:?}");
    assert_eq!(exchange.attempts.len(), 3);
    assert_eq!(bot.calls(), 3);
    let reply = exchange.reply.expect("a reply");
    assert_eq!(reply.via, Via::WebhookReply);
    assert_ne!(reply.params["text"], Value::Null);
}

/// The dead-letter hook may take its time, and Telegram waits for it.
async fn d6_the_hook_is_waited_for(server: Server) {
    let (letters, mut taken) = mpsc::channel(1);
    let delivery = DeliveryLayer::new()
        .max_attempts(1)
        .dead_letter(move |letter| {
            let letters = letters.clone();
            async move {
                yield_now().await;
                letters.send(letter).await.expect("the test listens");
            }
        });
    let bot = Bot::failing(9);
    let webhook = Webhook::new(secret(SECRET)).delivery(delivery);
    let service = webhook.handler(move |update| bot.clone().handle(update));
    let endpoint = server.serve(service).await;
    assert_eq!(endpoint.send(&call(1)).await.status, 200);
    assert_eq!(taken.try_recv().expect("a letter").update.update_id(), 1);
}

/// A store whose note that an update is done takes its time.
struct Slow {
    store: MemoryStore,
    noting: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl DeliveryStore for Slow {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        self.store.claim(key).await
    }

    async fn finish(&self, ticket: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        self.noting.add_permits(1);
        self.go.acquire().await.expect("open").forget();
        self.store.finish(ticket, reply).await
    }

    async fn fail(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        self.store.fail(ticket).await
    }

    async fn release(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        self.store.release(ticket).await
    }
}

/// The reply was kept for the next request, while that had joined already and got none.
async fn d3_a_request_that_joins_while_the_update_is_recorded_gets_the_reply(server: Server) {
    let (noting, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let store = Slow {
        store: MemoryStore::new(),
        noting: Arc::clone(&noting),
        go: Arc::clone(&go),
    };
    let delivery = DeliveryLayer::with_store(store);
    let (handle, bot) = (delivery.handle(), Bot::waiting());
    let handler = bot.clone();
    let service = Webhook::new(secret(SECRET))
        .delivery(delivery)
        .handler(move |update| handler.clone().handle(update));
    let endpoint = server.serve_any(BoxCloneSyncService::new(service)).await;

    let first = tokio::spawn(endpoint.sending(call(1)));
    bot.has_begun().await;
    first.abort();
    until(|| handle.waiting() == 0).await;
    bot.go.add_permits(1);
    let noted = timeout(STEP_TIMEOUT, noting.acquire()).await;
    noted.expect("it is noted").expect("open").forget();
    let second = tokio::spawn(endpoint.sending(call(1)));
    until(|| handle.waiting() == 1).await;
    go.add_permits(1);
    let answer = second.await.expect("no panic");
    assert_eq!(sent(&answer).as_deref(), Some("1"));
    let third = endpoint.send(&call(1)).await;
    assert_eq!((third.status, sent(&third).as_deref()), (200, Some("1")));
    assert_eq!(bot.calls(), 1);
}
