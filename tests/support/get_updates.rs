//! A server of `getUpdates` in memory, with the behaviour of the real one and the clock of the test.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};
use tower::service_fn;
use tower_telegram::{
    Client,
    client::{ApiBody, BotApi},
};

/// A call that repeats the offset of the one before within this time waits for at least this long.
const REPEAT: Duration = Duration::from_secs(3);
/// A call that repeats the offset within this time gets a single update.
const FAST_REPEAT: Duration = Duration::from_millis(500);
/// An offset that is further beyond the last update than this is ignored.
const MAX_AHEAD: i64 = 10;

/// A call of `getUpdates`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GetUpdatesCall {
    pub(crate) at: Instant,
    pub(crate) offset: i64,
    pub(crate) limit: usize,
    pub(crate) timeout: u64,
}

/// A failure of a call.
#[derive(Clone, Debug)]
pub(crate) enum Mishap {
    /// Telegram doesn't receive the call.
    Unsent,
    /// Telegram receives the call, and its response is lost.
    Lost,
    /// Telegram receives the call, and its response takes this long.
    Late(Duration),
    /// A proxy responds in place of Telegram.
    Answer(u16, &'static str),
}

#[derive(Clone, Default)]
pub(crate) struct PolledTelegram {
    state: Arc<Mutex<PolledState>>,
    came: Arc<Notify>,
}

#[derive(Default)]
pub(crate) struct PolledState {
    updates: BTreeMap<i64, Bytes>,
    last_id: i64,
    last_poll: Option<(i64, Instant)>,
    /// The number of the last long poll. A poll ends when there is a later one.
    polls: u64,
    pub(crate) calls: Vec<GetUpdatesCall>,
    pub(crate) mishaps: VecDeque<Mishap>,
    /// The calls of other methods that were carried out, and their arguments.
    pub(crate) others: Vec<String>,
    pub(crate) arguments: Vec<Value>,
    /// The failures of the next calls of other methods.
    pub(crate) other_mishaps: VecDeque<Mishap>,
    /// Whether calls of other methods get no response, and aren't carried out.
    pub(crate) holds_others: bool,
}

impl PolledTelegram {
    pub(crate) fn state(&self) -> MutexGuard<'_, PolledState> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Adds an element to the response, valid or not, with the next number.
    pub(crate) fn push(&self, element: impl Into<Bytes>) {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.updates.insert(id, element.into());
        drop(state);
        self.came.notify_waiters();
    }

    /// Adds a text message with the next number.
    pub(crate) fn message(&self, chat: i64, text: &str) -> i64 {
        let id = self.state().next_id();
        let text = Value::from(text);
        self.push(format!(
            "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\"date\":1,\
             \"chat\":{{\"id\":{chat},\"type\":\"private\"}},\"text\":{text}}}}}"
        ));
        id
    }

    /// The numbers that aren't confirmed.
    pub(crate) fn pending(&self) -> Vec<i64> {
        self.state().updates.keys().copied().collect()
    }

    /// Drops an update, as at its expiry.
    pub(crate) fn expire(&self, id: i64) {
        self.state().updates.remove(&id);
    }

    pub(crate) fn client(&self) -> Client {
        let telegram = self.clone();
        let http = service_fn(move |request: Request<ApiBody>| {
            let telegram = telegram.clone();
            async move { telegram.answer(request).await }
        });
        let token = "7:secret".parse().expect("a token");
        Client::from_service(BotApi::telegram(http, &token))
    }

    async fn answer(&self, request: Request<ApiBody>) -> Result<Response<Full<Bytes>>, Broken> {
        let method = request.uri().path().rsplit('/').next().map(str::to_owned);
        let method = method.unwrap_or_default();
        if method != "getUpdates" {
            return self.answer_other(method, request).await;
        }
        let body = request.into_body().collect().await.map_err(|_| Broken)?;
        let args: Value = serde_json::from_slice(&body.to_bytes()).map_err(|_| Broken)?;
        let mishap = self.state().mishaps.pop_front();
        match mishap {
            Some(Mishap::Unsent) => Err(Broken),
            Some(Mishap::Answer(status, body)) => Ok(answer(status, body)),
            Some(Mishap::Lost) => {
                self.get_updates(&args).await;
                Err(Broken)
            }
            Some(Mishap::Late(delay)) => {
                let answer = self.get_updates(&args).await;
                sleep(delay).await;
                Ok(answer)
            }
            None => Ok(self.get_updates(&args).await),
        }
    }

    async fn answer_other(
        &self,
        method: String,
        request: Request<ApiBody>,
    ) -> Result<Response<Full<Bytes>>, Broken> {
        if self.state().holds_others {
            std::future::pending::<()>().await;
        }
        let mishap = self.state().other_mishaps.pop_front();
        match mishap {
            Some(Mishap::Unsent) => return Err(Broken),
            Some(Mishap::Answer(status, body)) => return Ok(answer(status, body)),
            Some(Mishap::Lost | Mishap::Late(_)) | None => {}
        }
        let body = request.into_body().collect().await.map_err(|_| Broken)?;
        let arguments = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        self.state().carry_out(method, arguments);
        match mishap {
            Some(Mishap::Lost) => return Err(Broken),
            Some(Mishap::Late(delay)) => sleep(delay).await,
            _ => {}
        }
        Ok(answer(200, "{\"ok\":true,\"result\":true}"))
    }

    async fn get_updates(&self, args: &Value) -> Response<Full<Bytes>> {
        let number = |name: &str| args[name].as_i64();
        let mut call = GetUpdatesCall {
            at: Instant::now(),
            offset: number("offset").unwrap_or(0),
            limit: number("limit").map_or(100, |n| usize::try_from(n.clamp(1, 100)).unwrap_or(1)),
            timeout: number("timeout").map_or(0, |n| n.clamp(0, 50).unsigned_abs()),
        };
        let (from, poll) = self.state().begin(&mut call);
        let until = call.at + Duration::from_secs(call.timeout);
        loop {
            let came = self.came.notified();
            let mut came = std::pin::pin!(came);
            came.as_mut().enable();
            {
                let state = self.state();
                if let Some(page) = state.page(from, call.limit) {
                    return answer_bytes(200, page);
                }
                if state.polls != poll {
                    return answer(
                        409,
                        "{\"ok\":false,\"error_code\":409,\"description\":\"Conflict: terminated by \
                         other getUpdates request; make sure that only one bot instance is running\"}",
                    );
                }
            }
            if timeout_at(until, came).await.is_err() {
                return answer(200, "{\"ok\":true,\"result\":[]}");
            }
        }
    }

    /// Another program's call, which ends a waiting one.
    pub(crate) fn poll_elsewhere(&self) {
        self.state().polls += 1;
        self.came.notify_waiters();
    }
}

impl PolledState {
    /// Sets the number of the next update.
    pub(crate) fn begin_at(&mut self, id: i64) {
        self.last_id = id - 1;
    }

    fn carry_out(&mut self, method: String, arguments: Value) {
        self.others.push(method);
        self.arguments.push(arguments);
    }

    pub(crate) fn next_id(&self) -> i64 {
        self.last_id + 1
    }

    /// Confirms all updates below the offset. Returns the first number to respond with, and the number of
    /// the poll.
    fn begin(&mut self, call: &mut GetUpdatesCall) -> (i64, u64) {
        self.calls.push(*call);
        let last = self.last_poll.replace((call.offset, call.at));
        if let Some((_, at)) = last.filter(|(offset, _)| *offset == call.offset) {
            let since = call.at - at;
            if since < REPEAT && call.timeout < 3 {
                call.timeout = REPEAT.as_secs();
            }
            if since < FAST_REPEAT {
                call.limit = 1;
            }
        }
        let head = self.updates.keys().next().copied();
        let head = head.unwrap_or(self.last_id + 1);
        let from = match call.offset {
            0 => head,
            offset if offset > self.last_id + 1 + MAX_AHEAD => head,
            offset if offset > 0 => offset,
            offset => {
                let back = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
                let from = self.updates.keys().rev().take(back).last().copied();
                from.unwrap_or(head)
            }
        };
        self.updates = self.updates.split_off(&from);
        self.polls += 1;
        (from, self.polls)
    }

    fn page(&self, from: i64, limit: usize) -> Option<Bytes> {
        let elements: Vec<_> = self.updates.range(from..).take(limit).collect();
        if elements.is_empty() {
            return None;
        }
        let mut page = b"{\"ok\":true,\"result\":[".to_vec();
        for (n, (_, element)) in elements.into_iter().enumerate() {
            page.extend(if n > 0 { &b",\n"[..] } else { b"" });
            page.extend_from_slice(element);
        }
        page.extend_from_slice(b"]}");
        Some(page.into())
    }
}

fn answer(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    answer_bytes(status, Bytes::from_static(body.as_bytes()))
}

fn answer_bytes(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).body(Full::new(body));
    response.expect("a response")
}

/// The connection broke.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke")
    }
}

impl std::error::Error for Broken {}
