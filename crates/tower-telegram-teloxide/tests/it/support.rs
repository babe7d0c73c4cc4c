//! A teloxide bot behind a webhook.

use std::{fmt::Debug, sync::Arc};

use teloxide::{
    dispatching::{DefaultKey, Dispatcher, DispatcherBuilder, ShutdownToken, UpdateHandler},
    dptree::{self, di::DependencyMap},
    error_handlers::IgnoringErrorHandler,
    prelude::*,
};
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    task::JoinHandle,
};
use tower_telegram::{server::Server, types::AllowedUpdates, webhook::Webhook};
use tower_telegram_teloxide::{Bridge, DispatchUpdate, Listener};
use tower_telegram_test::Telegram;

/// A bot that calls that Telegram.
pub(crate) fn caller(telegram: &Telegram) -> Bot {
    Bot::new(telegram.token()).set_api_url(telegram.api_url().parse().unwrap())
}

/// A dispatcher that logs no error and no update without a handler.
pub(crate) fn quiet<Err>(
    telegram: &Telegram,
    tree: UpdateHandler<Err>,
) -> DispatcherBuilder<Bot, Err, DefaultKey>
where
    Err: Debug + Send + Sync + 'static,
{
    Dispatcher::builder(caller(telegram), tree)
        .error_handler(IgnoringErrorHandler::new())
        .default_handler(async |_| ())
}

/// Serves the webhook, and sets it.
pub(crate) async fn serve(
    telegram: &Telegram,
    webhook: Webhook,
    listener: &Listener,
    service: DispatchUpdate,
) -> JoinHandle<()> {
    let webhook = webhook
        .allowed_updates(AllowedUpdates::ALL)
        .parse_as()
        .service(service);
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let serving = tokio::spawn(server.serve_with_shutdown(webhook, listener.stopped()));
    telegram.set_webhook(&url, None).unwrap();
    serving
}

/// A bot that runs.
pub(crate) struct Running {
    stop: ShutdownToken,
    serving: JoinHandle<()>,
    dispatching: JoinHandle<()>,
}

impl Running {
    /// Stops the dispatcher and then the server, and waits for both.
    pub(crate) async fn stop(self) {
        // Its future waits forever if the dispatcher has stopped before it is polled.
        drop(self.stop.shutdown().unwrap());
        self.dispatching.await.unwrap();
        self.serving.await.unwrap();
    }
}

pub(crate) async fn start<Err>(
    telegram: &Telegram,
    tree: UpdateHandler<Err>,
    dependencies: DependencyMap,
) -> Running
where
    Err: Debug + Send + Sync + 'static,
{
    let webhook = Webhook::without_secret_token();
    start_bridge(telegram, webhook, Bridge::new(tree), dependencies).await
}

pub(crate) async fn start_bridge<Err>(
    telegram: &Telegram,
    webhook: Webhook,
    bridge: Bridge<Err>,
    dependencies: DependencyMap,
) -> Running
where
    Err: Debug + Send + Sync + 'static,
{
    let serving = serve(telegram, webhook, &bridge.listener, bridge.service).await;
    let mut dispatcher = quiet(telegram, bridge.handler)
        .dependencies(dependencies)
        .build();
    let stop = dispatcher.shutdown_token();
    let listener = bridge.listener;
    let dispatching = tokio::spawn(async move {
        let errors = IgnoringErrorHandler::new();
        dispatcher.dispatch_with_listener(listener, errors).await;
    });
    Running {
        stop,
        serving,
        dispatching,
    }
}

/// A handler that reports each text, and then waits for a permit.
#[derive(Clone)]
pub(crate) struct Gate {
    began: mpsc::UnboundedSender<String>,
    texts: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    permits: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (began, texts) = mpsc::unbounded_channel();
        Self {
            began,
            texts: Arc::new(Mutex::new(texts)),
            permits: Arc::new(Semaphore::new(0)),
        }
    }

    pub(crate) async fn pass(&self, text: &str) {
        self.began.send(text.to_owned()).unwrap();
        self.permits.acquire().await.unwrap().forget();
    }

    /// The next text that has begun.
    pub(crate) async fn begun(&self) -> String {
        self.texts.lock().await.recv().await.unwrap()
    }

    /// The texts that have begun and weren't returned.
    pub(crate) async fn others(&self) -> Vec<String> {
        let mut texts = self.texts.lock().await;
        std::iter::from_fn(|| texts.try_recv().ok()).collect()
    }

    pub(crate) fn open(&self, permits: usize) {
        self.permits.add_permits(permits);
    }

    /// A tree that passes each message through the gate.
    pub(crate) fn tree() -> UpdateHandler<()> {
        Update::filter_message().endpoint(async |gate: Gate, message: Message| {
            gate.pass(message.text().unwrap_or_default()).await;
            Ok(())
        })
    }

    pub(crate) fn dependencies(&self) -> DependencyMap {
        dptree::deps![self.clone()]
    }
}
