//! Calls while chats with counted messages, or calls that wait for their turn, are held.

use std::{
    future::{Ready, ready},
    hint::black_box,
    iter,
    time::Duration,
};

use tower::{BoxError as TowerError, Layer as _, Service, service_fn, util::ServiceFn};
use tower_telegram::{
    client::{ApiRequest, ApiResponse, Rate, RateLimitLayer, rate_limit::RateLimit},
    methods::SendMessage,
};
use tower_telegram_benches::count::BoxError;

use super::{Round, ScalePath, output, path, waiting};

pub(super) const ALL: &[ScalePath] = &[
    path(
        "call, messages to other chats count",
        1 << 16,
        counted_chats,
    ),
    path("call, those of other chats wait", 1 << 15, waiting_chats),
    path(
        "call that waits behind its chat's",
        1 << 17,
        queue_of_a_chat,
    ),
    path("call that waits behind all chats'", 1 << 16, queue_of_all),
];

type InstantResponse = Ready<Result<ApiResponse, TowerError>>;
type LimitedCalls = RateLimit<ServiceFn<fn(ApiRequest) -> InstantResponse>>;

/// Calls that get their response at once, as soon as the limits allow them.
fn limited(limits: &RateLimitLayer) -> LimitedCalls {
    let api: fn(ApiRequest) -> InstantResponse = |call| {
        black_box(call);
        ready(Ok(ApiResponse::new("true")))
    };
    limits.layer(service_fn(api))
}

/// One message, for as long as the bench runs.
fn once() -> Rate {
    Rate::new(1, Duration::from_secs(24 * 60 * 60))
}

/// Only the messages to the same chat are limited.
fn per_chat() -> LimitedCalls {
    let limits = RateLimitLayer::new().without_overall();
    limited(&limits.per_chat(once()))
}

fn call(
    service: &mut LimitedCalls,
    chat: i64,
) -> Result<<LimitedCalls as Service<ApiRequest>>::Future, BoxError> {
    // All ids are equally long.
    let message = SendMessage::new(1_000_000_000 + chat, "hello");
    Ok(service.call(ApiRequest::new(&message)?))
}

fn counted_chats(held: i64) -> Result<Round, BoxError> {
    let mut service = per_chat();
    for chat in 1..=held {
        output(call(&mut service, chat)?)??;
    }
    Ok(Box::new(move |n| {
        black_box(output(call(&mut service, held + 1 + n)?)??);
        Ok(())
    }))
}

fn waiting_chats(held: i64) -> Result<Round, BoxError> {
    let mut service = per_chat();
    let mut calls = Vec::new();
    for chat in 1..=held {
        output(call(&mut service, chat)?)??;
        calls.push(waiting(call(&mut service, chat)?)?);
    }
    Ok(Box::new(move |n| {
        black_box(&calls);
        black_box(output(call(&mut service, held + 1 + n)?)??);
        Ok(())
    }))
}

/// One more call of a chat waits, and is dropped.
fn queue_of_a_chat(held: i64) -> Result<Round, BoxError> {
    behind(per_chat(), iter::repeat_n(1, usize::try_from(held)?), |_| 1)
}

/// A call waits for the limit of all chats, and is dropped.
fn queue_of_all(held: i64) -> Result<Round, BoxError> {
    let limits = RateLimitLayer::new().without_per_chat();
    let service = limited(&limits.overall(once()));
    behind(service, 2..=held + 1, move |n| held + 2 + n)
}

/// Calls to these chats wait, and a call in each round waits behind them.
fn behind(
    mut service: LimitedCalls,
    chats: impl Iterator<Item = i64>,
    mut next: impl FnMut(i64) -> i64 + 'static,
) -> Result<Round, BoxError> {
    output(call(&mut service, 1)?)??;
    let calls: Result<Vec<_>, _> = chats
        .map(|chat| waiting(call(&mut service, chat)?))
        .collect();
    let calls = calls?;
    Ok(Box::new(move |n| {
        black_box(&calls);
        waiting(call(&mut service, next(n))?).map(drop)
    }))
}
