//! A polling bot under paused time, and what its handler did when.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower::{BoxError, Service};
use tower_telegram::{
    client::Error,
    polling::Polling,
    types::Update,
    webhook::{RawUpdate, ReplyBody, Webhook},
};

/// A polling bot that shuts down by [`stop`](Self::stop).
pub(super) struct Running {
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(super) fn start<S>(polling: Polling, service: S) -> Self
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let (stop, stopped) = oneshot::channel();
        let run = polling.run_until(service, async { drop(stopped.await) });
        Self {
            stop: Some(stop),
            done: tokio::spawn(run),
        }
    }

    /// Tells it to stop, and doesn't wait.
    pub(super) fn tell(&mut self) {
        let stop = self.stop.take().expect("it is told once");
        stop.send(()).expect("it runs");
    }

    pub(super) async fn stop(mut self) {
        self.tell();
        self.end().await.expect("no error");
    }

    /// Waits for its end.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.done.await.expect("no panic")
    }

    pub(super) fn is_finished(&self) -> bool {
        self.done.is_finished()
    }

    /// As `kill -9` would.
    pub(super) async fn kill(self) {
        self.done.abort();
        let ended = self.done.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }
}

/// The events, with the whole milliseconds since the start.
#[derive(Clone, Debug)]
pub(super) struct Events {
    start: Instant,
    all: Arc<Mutex<Vec<(u128, String)>>>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            all: Arc::default(),
        }
    }

    pub(super) fn add(&self, what: impl Into<String>) {
        let at = self.start.elapsed().as_millis();
        let mut all = self.all.lock().expect("nobody panics with it");
        all.push((at, what.into()));
    }

    pub(super) fn names(&self) -> Vec<String> {
        let all = self.all.lock().expect("nobody panics with it");
        all.iter().map(|(_, what)| what.clone()).collect()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.names().iter().filter(|name| *name == what).count()
    }

    /// When it was done first.
    pub(super) fn at(&self, what: &str) -> Duration {
        let all = self.all.lock().expect("nobody panics with it");
        let found = all.iter().find(|(_, name)| name == what);
        let (millis, _) = found.unwrap_or_else(|| panic!("{what} isn't in {all:?}"));
        Duration::from_millis(u64::try_from(*millis).expect("a while"))
    }

    pub(super) async fn until(&self, what: &str) {
        self.until_count(what, 1).await;
    }

    pub(super) async fn until_count(&self, what: &str, count: usize) {
        until(|| self.count(what) >= count, what).await;
    }
}

/// Waits, for two hours of paused time at most.
pub(super) async fn until(condition: impl Fn() -> bool, what: &str) {
    let longest = Duration::from_secs(2 * 60 * 60);
    let end = Instant::now() + longest;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn text_of(update: &Update) -> String {
    let message = update.any_message();
    let text = message.and_then(|message| message.text.clone());
    text.unwrap_or_default().to_string()
}

/// A bot whose handler adds the text of each update to the events.
pub(super) fn text_recorder(
    events: &Events,
) -> impl Service<
    Request<RawUpdate>,
    Response = Response<ReplyBody>,
    Error: Into<BoxError>,
    Future: Send,
> + Clone
+ Send
+ Sync
+ use<> {
    let events = events.clone();
    let webhook = Webhook::without_secret_token().handler(move |update: Update| {
        events.add(text_of(&update));
        ready(())
    });
    webhook.into_updates()
}

/// A bot whose handler takes as many seconds as the text says.
pub(super) fn slow_bot(
    webhook: Webhook,
    events: &Events,
) -> impl Service<
    Request<RawUpdate>,
    Response = Response<ReplyBody>,
    Error: Into<BoxError>,
    Future: Send,
> + Clone
+ Send
+ Sync
+ use<> {
    let events = events.clone();
    let webhook = webhook.handler(move |update: Update| {
        let events = events.clone();
        async move {
            events.add(format!("begins {}", update.update_id));
            let seconds = text_of(&update).parse().unwrap_or(0);
            sleep(Duration::from_secs(seconds)).await;
            events.add(format!("ends {}", update.update_id));
        }
    });
    webhook.into_updates()
}
