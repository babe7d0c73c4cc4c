//! The webhook that a listener sets.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use teloxide::{dispatching::UpdateHandler, error_handlers::IgnoringErrorHandler, prelude::*};
use tower_telegram::{
    Client,
    methods::SetWebhook,
    types::{AllowedUpdates, UpdateType},
    webhook::registration::EnsureWebhookError,
};
use tower_telegram_teloxide::Bridge;
use tower_telegram_test::{Answer, Telegram};

use crate::support;

fn client(telegram: &Telegram) -> Client {
    Client::with_base_url(&telegram.token().parse().unwrap(), telegram.api_url()).unwrap()
}

fn tree() -> UpdateHandler<()> {
    dptree::entry()
        .branch(Update::filter_message().endpoint(async || Ok(())))
        .branch(Update::filter_chat_member().endpoint(async || Ok(())))
}

/// The types that the webhook has when the dispatcher has started.
async fn registered(wanted: SetWebhook) -> AllowedUpdates {
    let telegram = Telegram::start().await.unwrap();
    let bridge = Bridge::new(tree());
    let listener = bridge.listener.ensure_webhook(client(&telegram), wanted);
    let mut dispatcher = support::quiet(&telegram, bridge.handler).build();
    let stop = dispatcher.shutdown_token();
    let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandler::new());
    let test = async {
        let call = telegram.wait_for::<SetWebhook>(|_| true).await.unwrap();
        // It is set before the dispatcher stops, or isn't needed any more.
        stop.shutdown().unwrap().await;
        call.allowed_updates.unwrap()
    };
    tokio::join!(dispatch, test).1
}

#[tokio::test]
async fn m6_the_webhook_is_set_with_the_types_that_the_tree_handles() {
    let wanted = SetWebhook::new("http://127.0.0.1:9/bot").for_local_server();
    let types = registered(wanted.clone()).await;
    assert_eq!(types, [UpdateType::Message, UpdateType::ChatMember].into());
    let chosen = wanted.allowed_updates([UpdateType::Poll]);
    assert_eq!(registered(chosen).await, [UpdateType::Poll].into());
}

#[tokio::test]
async fn m6_dispatching_ends_when_the_webhook_cant_be_set() {
    let telegram = Telegram::start().await.unwrap();
    telegram.answer(
        "setWebhook",
        Answer::error(400, "Bad Request: no such host"),
    );
    let bridge = Bridge::new(tree());
    let wanted = SetWebhook::new("http://127.0.0.1:9/bot").for_local_server();
    let listener = bridge.listener.ensure_webhook(client(&telegram), wanted);
    let stopped = listener.stopped();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&errors);
    let handler = move |error: EnsureWebhookError| {
        seen.lock().unwrap().push(error.to_string());
        async {}
    };
    let mut dispatcher = support::quiet(&telegram, bridge.handler).build();
    dispatcher
        .dispatch_with_listener(listener, Arc::new(handler))
        .await;
    assert_eq!(errors.lock().unwrap().len(), 1);
    assert!(stopped.now_or_never().is_some(), "the server ends, too");
}
