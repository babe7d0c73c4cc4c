//! A bot whose calls are traced, over a Telegram without a wire.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use tower::{Service, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ClientBuilder, RateLimitLayer, RetryLayer, TraceCallsLayer},
    webhook::RawUpdate,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Telegram's responses to the next calls. Later calls succeed.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<VecDeque<(u16, &'static str)>>>);

pub(crate) const TOO_MANY: (u16, &str) = (
    429,
    r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"retry_after":3}}"#,
);
pub(crate) const CHAT_NOT_FOUND: (u16, &str) = (
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
);

impl Answers {
    pub(crate) fn push(&self, answer: (u16, &'static str)) {
        self.0.lock().unwrap().push_back(answer);
    }

    fn next(&self) -> (u16, &'static str) {
        let next = self.0.lock().unwrap().pop_front();
        next.unwrap_or((200, r#"{"ok":true,"result":true}"#))
    }

    /// A Telegram with these, without a wire.
    pub(crate) fn transport(
        &self,
    ) -> impl Service<
        Request<ApiBody>,
        Response = Response<String>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static {
        let answers = self.clone();
        service_fn(move |_: Request<ApiBody>| {
            let (status, body) = answers.next();
            async move {
                let response = Response::builder().status(status).body(body.to_owned());
                Ok::<_, Infallible>(response.unwrap())
            }
        })
    }

    /// A client with all layers, which gets these.
    pub(crate) fn client(&self) -> Client {
        ClientBuilder::new(self.transport(), &"123456:a-Secret_One".parse().unwrap())
            .layer(TraceCallsLayer::new())
            .layer(RetryLayer::new())
            .layer(RateLimitLayer::new())
            .build()
    }
}

/// A text message of this number in this chat.
pub(crate) fn message(update_id: i64, chat: i64) -> Request<RawUpdate> {
    let text = format!(
        r#"{{"update_id":{update_id},"message":{{"message_id":1,"date":1700000000,
            "chat":{{"id":{chat},"type":"private"}},"from":{{"id":{chat},"is_bot":false,"first_name":"A"}},
            "text":"hi"}}}}"#
    );
    Request::new(RawUpdate::from_bytes(text.into()).unwrap())
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(3600), waiting).await;
    done.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Runs a future on a runtime of this thread whose time passes by itself.
#[cfg(feature = "metrics")]
pub(crate) fn paused<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(future)
}
