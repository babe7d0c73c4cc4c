use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_test::mock::{self, Handle, Mock};

use super::{
    layer::RateLimitLayer,
    rate::Rate,
    service::RateLimit,
    shared_limits::{LimitKey, LimitScope, SharedLimits, SharedLimitsError},
};
use crate::{
    client::{ApiRequest, ApiResponse, Error, ErrorKind},
    methods::{EditMessageText, GetMe, SendMessage},
    task::Deadline,
    types::ChatId,
};

type Calls = Handle<ApiRequest, ApiResponse>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A Bot API that records its calls, and when they were made.
#[derive(Clone)]
struct Recorder {
    began: Instant,
    made: Arc<Mutex<Vec<Made>>>,
}

/// The chat of a call, and when it was made.
type Made = (Option<ChatId>, Duration);

impl Recorder {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            made: Arc::default(),
        }
    }

    fn under(&self, layer: &RateLimitLayer) -> BoxCloneSyncService<ApiRequest, ApiResponse, Error> {
        let recorder = self.clone();
        let api = service_fn(move |call: ApiRequest| {
            let made = (call.chat_id().cloned(), recorder.began.elapsed());
            recorder.made().push(made);
            std::future::ready(Ok::<_, Infallible>(ApiResponse::new("true")))
        });
        BoxCloneSyncService::new(layer.layer(api))
    }

    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap()
    }

    /// When calls to this chat were made, or all calls.
    fn moments(&self, chat: Option<&ChatId>) -> Vec<Duration> {
        let made = self.made();
        let of_chat = made
            .iter()
            .filter(|(to, _)| chat.is_none() || to.as_ref() == chat);
        of_chat.map(|(_, when)| *when).collect()
    }

    fn chats(&self) -> Vec<i64> {
        let made = self.made();
        let numbers = made.iter().map(|(chat, _)| match chat {
            Some(ChatId::Id(id)) => *id,
            _ => 0,
        });
        numbers.collect()
    }
}

/// Makes calls to these chats, all at once and in this order, and returns those that were made in this time.
async fn play<C: Into<ChatId>>(
    layer: &RateLimitLayer,
    chats: impl IntoIterator<Item = C>,
    time: Duration,
) -> Recorder {
    let recorder = Recorder::new();
    let service = recorder.under(layer);
    for chat in chats {
        tokio::spawn(service.clone().oneshot(to_chat(chat)));
    }
    // The last instant isn't a part of the time.
    sleep(time.saturating_sub(Duration::from_millis(5))).await;
    recorder
}

fn to_chat(chat: impl Into<ChatId>) -> ApiRequest {
    ApiRequest::new(&SendMessage::new(chat, "hi")).unwrap()
}

fn no_overall_limit() -> RateLimitLayer {
    RateLimitLayer::new().without_overall()
}

/// Asserts that there were at most `count` in any span of this length.
fn assert_never_more(moments: &[Duration], count: usize, span: Duration) {
    for window in moments.windows(count + 1) {
        assert!(window[count] >= window[0] + span, "{window:?}");
    }
}

fn assert_within_5_percent(actual: usize, expected: usize) {
    let off = actual.abs_diff(expected);
    assert!(off * 20 <= expected, "{actual} and not {expected}");
}

#[tokio::test(start_paused = true)]
async fn f7_thirty_a_second_overall() {
    let made = play(&RateLimitLayer::new(), 1..=3000, MINUTE).await;
    let moments = made.moments(None);
    assert_within_5_percent(moments.len(), 30 * 60);
    assert_never_more(&moments, 30, SECOND);
}

#[tokio::test(start_paused = true)]
async fn f7_one_a_second_to_a_chat() {
    let chats = (0..200).map(|n| n % 2 + 1);
    let made = play(&RateLimitLayer::new(), chats, MINUTE).await;
    for chat in [1, 2] {
        let moments = made.moments(Some(&chat.into()));
        assert_within_5_percent(moments.len(), 60);
        assert_never_more(&moments, 1, SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn f7_twenty_a_minute_to_a_group_or_channel() {
    let groups: [ChatId; 4] = [
        (-5).into(),
        (-1_001_234).into(),
        "@one".into(),
        "@two".into(),
    ];
    let chats = (0..400).map(|n| groups[n % 4].clone());
    let made = play(&RateLimitLayer::new(), chats, 3 * MINUTE).await;
    for group in &groups {
        let moments = made.moments(Some(group));
        assert_within_5_percent(moments.len(), 3 * 20);
        assert_never_more(&moments, 20, MINUTE);
        assert_never_more(&moments, 1, SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn f7_a_name_is_one_chat_in_upper_and_lower_case() {
    let chats = ["@Name", "@name", "@NAME"].into_iter().cycle().take(100);
    let made = play(&RateLimitLayer::new(), chats, MINUTE).await;
    assert_eq!(made.moments(None).len(), 20);
    let made = play(&RateLimitLayer::new(), ["-7", "@other", "-7"], MINUTE).await;
    assert_eq!(made.moments(Some(&"-7".into())), [Duration::ZERO, SECOND]);
}

#[tokio::test(start_paused = true)]
async fn f7_each_limit_can_be_set_and_removed() {
    let off = RateLimitLayer::new()
        .without_overall()
        .without_per_chat()
        .without_per_group();
    let made = play(&off, (0..500).map(|_| -1), SECOND).await;
    assert_eq!(made.moments(None), [Duration::ZERO; 500]);

    let layer = RateLimitLayer::new().overall(Rate::new(5, 10 * SECOND));
    assert_eq!(play(&layer, 1..=100, MINUTE).await.moments(None).len(), 30);

    let layer = no_overall_limit()
        .per_chat(Rate::per_minute(3))
        .without_per_group();
    let made = play(&layer, (0..100).map(|_| -1), MINUTE).await;
    assert_eq!(made.moments(None), [Duration::ZERO; 3]);

    let layer = no_overall_limit()
        .without_per_chat()
        .per_group(Rate::per_second(2));
    let made = play(&layer, (0..100).map(|_| -1), 10 * SECOND).await;
    assert_eq!(made.moments(None).len(), 20);
}

#[tokio::test(start_paused = true)]
async fn f7_methods_that_send_no_message_are_not_delayed() {
    let recorder = Recorder::new();
    let layer = RateLimitLayer::new();
    let service = recorder.under(&layer);
    for _ in 0..1000 {
        let call = ApiRequest::new(&GetMe::new()).unwrap();
        service.clone().oneshot(call).await.unwrap();
    }
    assert_eq!(recorder.began.elapsed(), Duration::ZERO);
    assert_eq!(recorder.made().len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn f7_clones_of_layer_and_service_share_the_limits() {
    let recorder = Recorder::new();
    let layer = RateLimitLayer::new();
    let first = recorder.under(&layer);
    let second = recorder.under(&layer.clone());
    for service in [first.clone(), second, first] {
        service.oneshot(to_chat(1)).await.unwrap();
    }
    assert_eq!(recorder.moments(None), [Duration::ZERO, SECOND, 2 * SECOND]);
}

/// A layer with another limit began with empty counts.
#[tokio::test(start_paused = true)]
async fn f7_changing_a_limit_keeps_the_counts() {
    let recorder = Recorder::new();
    let layer = RateLimitLayer::new().without_per_chat();
    let service = recorder.under(&layer);
    for _ in 0..15 {
        service.clone().oneshot(to_chat(-1)).await.unwrap();
    }
    let changed = recorder.under(&layer.clone().per_group(Rate::per_minute(16)));
    for service in [changed, service] {
        service.oneshot(to_chat(-1)).await.unwrap();
    }
    let moments = recorder.moments(None);
    assert_eq!(moments[14..], [Duration::ZERO, Duration::ZERO, MINUTE]);
}

#[tokio::test(start_paused = true)]
async fn f7_calls_to_a_chat_keep_their_order() {
    let (api, mut calls) = mock::pair::<ApiRequest, ApiResponse>();
    let service = RateLimitLayer::new().layer(api);
    for n in 0..20 {
        let call = ApiRequest::new(&SendMessage::new(1, n.to_string())).unwrap();
        tokio::spawn(service.clone().oneshot(call));
    }
    for n in 0..20 {
        let (call, respond) = calls.next_request().await.unwrap();
        let text = format!("\"text\":\"{n}\"");
        assert!(std::str::from_utf8(call.json()).unwrap().contains(&text));
        respond.send_response(ApiResponse::new("true"));
    }
}

#[tokio::test(start_paused = true)]
async fn f7_a_chat_with_many_waiting_calls_delays_no_other() {
    let chats = (0..1000).map(|_| 1).chain(2..=10);
    let made = play(&RateLimitLayer::new(), chats, 10 * SECOND).await;
    for chat in 2..=10 {
        assert_eq!(made.moments(Some(&chat.into())), [Duration::ZERO]);
    }
    assert_eq!(made.moments(Some(&1.into())).len(), 10);
}

/// Without limits for each chat, the calls of a busy chat were all made before the others.
#[tokio::test(start_paused = true)]
async fn f7_chats_take_turns_under_the_overall_limit() {
    let layer = RateLimitLayer::new()
        .without_per_chat()
        .overall(Rate::per_second(1));
    let chats = (0..1000).map(|_| 1).chain([2, 3, 4]);
    let made = play(&layer, chats, 8 * SECOND).await;
    let mut first = made.chats();
    assert_eq!(first.len(), 8);
    first.retain(|chat| *chat != 1);
    assert_eq!(first, [2, 3, 4]);
    // Chats with equally many waiting calls take turns in the order of their first polls.
    let layer = RateLimitLayer::new().overall(Rate::per_second(1));
    let made = play(&layer, 1..=8, 9 * SECOND).await;
    assert_eq!(made.chats(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn f7_a_call_that_is_dropped_while_it_waits_does_not_count() {
    let second = Rate::per_second(1);
    for layer in [
        RateLimitLayer::new(),
        RateLimitLayer::new().without_per_chat().overall(second),
    ] {
        let recorder = Recorder::new();
        let service = recorder.under(&layer);
        let calls: Vec<_> = (0..10)
            .map(|_| tokio::spawn(service.clone().oneshot(to_chat(1))))
            .collect();
        sleep(SECOND / 2).await;
        // The first was made, the second sleeps, the others are in the queue.
        calls[1..9].iter().for_each(tokio::task::JoinHandle::abort);
        sleep(MINUTE).await;
        assert_eq!(recorder.moments(None), [Duration::ZERO, SECOND]);
        assert_eq!(layer.limiter().queued_chats(), 0);
    }
}

fn mocked(layer: &RateLimitLayer) -> (RateLimit<Mock<ApiRequest, ApiResponse>>, Calls) {
    let (api, calls) = mock::pair();
    (layer.layer(api), calls)
}

async fn answer(calls: &mut Calls) -> ApiRequest {
    let (call, respond) = calls.next_request().await.unwrap();
    respond.send_response(ApiResponse::new("true"));
    call
}

async fn refuse(calls: &mut Calls, retry_after: u64) {
    let (_, respond) = calls.next_request().await.unwrap();
    let status = StatusCode::TOO_MANY_REQUESTS;
    let retry_after = Some(Duration::from_secs(retry_after));
    respond.send_error(Error::api(status, "".into(), retry_after, None));
}

#[tokio::test(start_paused = true)]
async fn f7_a_call_that_is_dropped_before_the_service_is_ready_does_not_count() {
    let (service, mut calls) = mocked(&RateLimitLayer::new().per_chat(Rate::per_minute(1)));
    calls.allow(0);
    let dropped = tokio::spawn(service.clone().oneshot(to_chat(1)));
    sleep(SECOND).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    let began = Instant::now();
    tokio::spawn(service.oneshot(to_chat(1)));
    calls.allow(1);
    answer(&mut calls).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Calls that were counted before the inner service was ready collected, and were then all made at once.
#[tokio::test(start_paused = true)]
async fn f7_the_limits_hold_when_the_inner_service_was_not_ready() {
    let (service, mut calls) = mocked(&RateLimitLayer::new());
    calls.allow(0);
    for chat in 1..=100 {
        tokio::spawn(service.clone().oneshot(to_chat(chat)));
    }
    sleep(MINUTE).await;
    calls.allow(1000);
    let began = Instant::now();
    let mut moments = Vec::new();
    for _ in 0..100 {
        answer(&mut calls).await;
        moments.push(began.elapsed());
    }
    assert_never_more(&moments, 30, SECOND);
}

/// A waiting call would keep a permit of the inner service from calls that needn't wait.
#[tokio::test(start_paused = true)]
async fn a_waiting_call_holds_no_permit_of_the_inner_service() {
    let (api, mut calls) = mock::pair::<ApiRequest, ApiResponse>();
    let below = tower::limit::ConcurrencyLimit::new(api, 1);
    let mut service = RateLimitLayer::new().layer(below);
    let began = Instant::now();
    for chat in [1, 1, 2] {
        let call = service.ready().await.unwrap().call(to_chat(chat));
        tokio::spawn(call);
    }
    for chat in [1, 2, 1] {
        assert_eq!(answer(&mut calls).await.chat_id(), Some(&chat.into()));
    }
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn f7_a_429_pauses_its_chat_and_no_other() {
    let (service, mut calls) = mocked(&RateLimitLayer::new());
    let refused = tokio::spawn(service.clone().oneshot(to_chat(1)));
    refuse(&mut calls, 30).await;
    assert!(refused.await.unwrap().unwrap_err().is_rate_limited());
    let began = Instant::now();
    for chat in [1, 2] {
        tokio::spawn(service.clone().oneshot(to_chat(chat)));
    }
    assert_eq!(answer(&mut calls).await.chat_id(), Some(&2.into()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(answer(&mut calls).await.chat_id(), Some(&1.into()));
    assert_eq!(began.elapsed().as_secs(), 30);
}

/// The next call was already waiting for its second, and was made when that was over.
#[tokio::test(start_paused = true)]
async fn f7_a_pause_holds_for_a_call_that_was_waiting_before() {
    let (service, mut calls) = mocked(&RateLimitLayer::new());
    let began = Instant::now();
    tokio::spawn(service.clone().oneshot(to_chat(1)));
    let (_, respond) = calls.next_request().await.unwrap();
    tokio::spawn(service.oneshot(to_chat(1)));
    sleep(SECOND / 2).await;
    let status = StatusCode::TOO_MANY_REQUESTS;
    respond.send_error(Error::api(status, "".into(), Some(10 * SECOND), None));
    answer(&mut calls).await;
    assert_eq!(began.elapsed().as_millis() / 100, 105);
}

/// The second of its chat was over, and it was in the queue of all chats.
#[tokio::test(start_paused = true)]
async fn f7_a_pause_holds_for_a_call_that_is_the_next_of_all() {
    let limits = RateLimitLayer::new().without_per_chat();
    let (service, mut calls) = mocked(&limits.overall(Rate::per_second(1)));
    let began = Instant::now();
    for chat in [1, 1, 2] {
        tokio::spawn(service.clone().oneshot(to_chat(chat)));
    }
    let (_, respond) = calls.next_request().await.unwrap();
    sleep(SECOND / 2).await;
    let status = StatusCode::TOO_MANY_REQUESTS;
    respond.send_error(Error::api(status, "".into(), Some(10 * SECOND), None));
    assert_eq!(answer(&mut calls).await.chat_id(), Some(&2.into()));
    assert_eq!(began.elapsed(), SECOND);
    assert_eq!(answer(&mut calls).await.chat_id(), Some(&1.into()));
    assert_eq!(began.elapsed().as_millis() / 100, 105);
}

/// One inline message that was edited too often delayed the messages to every chat.
#[tokio::test(start_paused = true)]
async fn f7_a_refused_call_without_a_chat_pauses_its_method_and_no_chat() {
    let (service, mut calls) = mocked(&RateLimitLayer::new());
    let edit = || {
        let edit = EditMessageText::inline("abc", "a text");
        ApiRequest::new(&edit).unwrap()
    };
    assert_eq!(edit().chat_id(), None);
    tokio::spawn(service.clone().oneshot(edit()));
    refuse(&mut calls, 20).await;
    tokio::task::yield_now().await;
    let began = Instant::now();
    let gift = json!({"user_id": 5, "gift_id": "a"});
    let gift = ApiRequest::raw("sendGift", &gift).unwrap();
    let to_inline = [
        edit(),
        ApiRequest::raw("EDITMESSAGETEXT", &json!({})).unwrap(),
    ];
    for call in to_inline.into_iter().chain([to_chat(1), gift]) {
        tokio::spawn(service.clone().oneshot(call));
    }
    for method in ["sendMessage", "sendGift"] {
        assert_eq!(answer(&mut calls).await.method(), method);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
    for method in ["editMessageText", "EDITMESSAGETEXT"] {
        assert_eq!(answer(&mut calls).await.method(), method);
        assert_eq!(began.elapsed().as_secs(), 20);
    }
}

/// Limits that replicas share, which take half a second to respond and allow all calls.
#[derive(Clone, Default)]
struct SlowLimits {
    counted: Arc<AtomicUsize>,
}

impl SharedLimits for SlowLimits {
    async fn take(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> Result<Vec<Duration>, SharedLimitsError> {
        sleep(SECOND / 2).await;
        self.counted.fetch_add(messages, Ordering::Relaxed);
        Ok(vec![Duration::ZERO; scopes.len()])
    }

    async fn give_back(&self, _: &[LimitScope], messages: usize) -> Result<(), SharedLimitsError> {
        self.counted.fetch_sub(messages, Ordering::Relaxed);
        Ok(())
    }

    async fn pause(&self, _: &LimitKey, _: Duration) -> Result<(), SharedLimitsError> {
        Ok(())
    }
}

/// While the shared limits were asked for the second call, Telegram refused the first one.
#[tokio::test(start_paused = true)]
async fn f13_a_call_that_shared_limits_have_counted_and_that_is_not_made_does_not_count() {
    for deadline in [Some(5), None] {
        let limits = SlowLimits::default();
        let (service, mut calls) = mocked(&RateLimitLayer::new().shared(limits.clone()));
        tokio::spawn(service.clone().oneshot(to_chat(1)));
        let (_, respond) = calls.next_request().await.unwrap();
        let mut second = to_chat(1);
        if let Some(seconds) = deadline {
            let due = Instant::now() + SECOND * seconds;
            second.extensions_mut().insert(Deadline::at(due));
        }
        let second = tokio::spawn(service.oneshot(second));
        // The second of the chat is over, and the shared limits are being asked.
        sleep(SECOND + SECOND / 4).await;
        assert_eq!(limits.counted.load(Ordering::Relaxed), 1);
        let status = StatusCode::TOO_MANY_REQUESTS;
        respond.send_error(Error::api(status, "".into(), Some(30 * SECOND), None));
        sleep(SECOND).await;
        assert_eq!(limits.counted.load(Ordering::Relaxed), 1, "{deadline:?}");
        if deadline.is_some() {
            let error = second.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        } else {
            answer(&mut calls).await;
            assert_eq!(limits.counted.load(Ordering::Relaxed), 2);
        }
    }
}

/// Without a chat only the limit on all messages applies.
#[tokio::test(start_paused = true)]
async fn f7_calls_without_a_chat_have_the_overall_limit_alone() {
    let recorder = Recorder::new();
    let service = recorder.under(&RateLimitLayer::new());
    for _ in 0..30 {
        let edit = EditMessageText::inline("abc", "a text");
        let edit = ApiRequest::new(&edit).unwrap();
        service.clone().oneshot(edit).await.unwrap();
    }
    assert_eq!(recorder.began.elapsed(), Duration::ZERO);
    service.oneshot(to_chat(1)).await.unwrap();
    assert_eq!(recorder.began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_idle_chats_is_released() {
    let layer = no_overall_limit();
    let recorder = Recorder::new();
    let service = recorder.under(&layer);
    let store = layer.limiter().here();
    for round in 0..5 {
        for chat in 0..20_000 {
            let call = to_chat(-1 - chat - round * 20_000);
            service.clone().oneshot(call).await.unwrap();
        }
        assert_eq!(layer.limiter().queued_chats(), 0);
        sleep(MINUTE).await;
    }
    assert_eq!(recorder.made().len(), 100_000);
    // The chats of the last two minutes.
    assert!(store.chats() <= 40_000, "{}", store.chats());
    service.oneshot(to_chat(1)).await.unwrap();
    assert_eq!(store.chats(), 1);
}
