//! The webhook that a listener sets.

use futures_util::FutureExt as _;
use teloxide::{dispatching::UpdateHandler, error_handlers::IgnoringErrorHandlerSafe, prelude::*};
use tokio::sync::oneshot;
use tower_telegram::{
    Client,
    methods::SetWebhook,
    types::{AllowedUpdates, UpdateType},
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
    let (listener, registered) = bridge.listener.ensure_webhook(client(&telegram), wanted);
    let mut dispatcher = support::quiet(&telegram, bridge.handler).build();
    let stop = dispatcher.shutdown_token();
    let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new());
    let test = async {
        let call = telegram.wait_for::<SetWebhook>(|_| true).await.unwrap();
        // It is set before the dispatcher stops, or isn't needed any more.
        stop.shutdown().unwrap().await;
        call.allowed_updates.unwrap()
    };
    let ((), types) = tokio::join!(dispatch, test);
    registered.await.unwrap();
    types
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
    let (listener, registered) = bridge.listener.ensure_webhook(client(&telegram), wanted);
    let stopped = listener.stopped();
    let mut dispatcher = support::quiet(&telegram, bridge.handler).build();
    dispatcher
        .dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new())
        .await;
    let error = registered.await.unwrap_err();
    assert!(format!("{error:?}").contains("no such host"), "{error:?}");
    assert!(stopped.now_or_never().is_some(), "the server ends, too");
}

#[tokio::test]
async fn m6_a_future_stops_the_dispatcher_before_and_after_the_webhook_is_set() {
    for is_slow in [true, false] {
        let telegram = Telegram::start().await.unwrap();
        if is_slow {
            telegram.answer("getWebhookInfo", Answer::never());
        }
        let bridge = Bridge::new(tree());
        let (stop, stopping) = oneshot::channel::<()>();
        let listener = bridge
            .listener
            .with_shutdown(async { drop(stopping.await) });
        let wanted = SetWebhook::new("http://127.0.0.1:9/bot").for_local_server();
        let (listener, registered) = listener.ensure_webhook(client(&telegram), wanted);
        let stopped = listener.stopped();
        let mut dispatcher = support::quiet(&telegram, bridge.handler).build();
        let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new());
        tokio::join!(dispatch, async {
            let call = if is_slow {
                "getWebhookInfo"
            } else {
                "setWebhook"
            };
            telegram.wait_for_call(call).await.unwrap();
            stop.send(()).unwrap();
        });
        registered.await.unwrap();
        assert!(stopped.now_or_never().is_some(), "the server ends, too");
    }
}
