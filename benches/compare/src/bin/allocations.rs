//! Counts allocations, and the memory for handled updates. Prints lines of `subject<TAB>body<TAB>count`.
//!
//! It is a program of its own, because counting costs instructions.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::{alloc::System, convert::Infallible, fmt::Write as _};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use compare::{SECRET, bot, corpus::bodies, parsers::PARSERS};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::{Service, ServiceExt as _};
use tower_telegram::{client::ApiRequest, methods::SendMessage, types::{AllowedUpdates, UpdateType}, webhook::{ReplyBody, SecretToken, Webhook}};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of updates in the target for the memory of a delivery.
const REMEMBERED: u64 = 100_000;

fn main() {
    for body in bodies(None) {
        for (name, parse) in PARSERS {
            say(name, &body.name, count(|| parse(&body.bytes)));
        }
        let bytes = &body.bytes;
        say(
            "wrong secret",
            &body.name,
            request(webhook(AllowedUpdates::ALL), "wrong", bytes),
        );
        say(
            "right secret, filtered out",
            &body.name,
            request(webhook([UpdateType::Poll].into()), SECRET, bytes),
        );
        say(
            "right secret, whole stack",
            &body.name,
            request(webhook(AllowedUpdates::ALL), SECRET, bytes),
        );
    }
    let message = SendMessage::new(7001, "What time does the last train leave?");
    say(
        "encode",
        "sendMessage",
        count(|| ApiRequest::new(&message).is_ok()),
    );
    say("bytes an id, in order", "", remembered(|number| number));
    say("bytes an id, scattered", "", remembered(scattered));
}

fn say(what: &str, body: &str, count: usize) {
    println!("{what}\t{body}\t{count}");
}

/// Runs the work a second time, so that lazy initialization doesn't count.
fn count<T>(mut work: impl FnMut() -> T) -> usize {
    drop(work());
    let region = Region::new(ALLOCATOR);
    let done = work();
    let change = region.change();
    drop(done);
    change.allocations
}

fn all() -> Webhook {
    let secret = SecretToken::new(SECRET).expect("the secret has the form of one");
    Webhook::new(secret).allowed_updates(AllowedUpdates::ALL)
}

trait Serve:
    Service<Request<Full<Bytes>>, Response = Response<ReplyBody>, Error = Infallible> + Clone
{
}

impl<S> Serve for S where
    S: Service<Request<Full<Bytes>>, Response = Response<ReplyBody>, Error = Infallible> + Clone
{
}

fn webhook(allowed: AllowedUpdates) -> impl Serve {
    let webhook = all().allowed_updates(allowed).without_delivery();
    webhook.without_deadline().handler(bot::ours)
}

/// The allocations of the layers for a request whose body is in memory.
fn request(webhook: impl Serve, secret: &str, body: &Bytes) -> usize {
    let make = || {
        Request::post("/bot")
            .header("content-type", "application/json")
            .header("x-telegram-bot-api-secret-token", secret)
            .body(Full::new(body.clone()))
            .expect("the head is a head")
    };
    let serve = |request| {
        webhook
            .clone()
            .oneshot(request)
            .now_or_never()
            .expect("nothing waits")
    };
    drop(serve(make()));
    let request = make();
    let region = Region::new(ALLOCATOR);
    let response = serve(request);
    let change = region.change();
    drop(response);
    change.allocations
}

/// The bytes that a webhook with its defaults keeps for each update that it has handled.
fn remembered(number: impl Fn(u64) -> u64) -> usize {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime can be made");
    let webhook = all().handler(bot::ours);
    let mut body = String::new();
    let mut handle = |number: u64| {
        body.clear();
        write!(
            body,
            "{{\"update_id\":{number},\n\"poll_answer\":{{\"poll_id\":\"1\",\"option_ids\":[]}}}}"
        )
        .expect("a string takes all");
        let request = Request::post("/bot")
            .header("content-type", "application/json")
            .header("x-telegram-bot-api-secret-token", SECRET)
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .expect("the head is a head");
        let answer = runtime.block_on(webhook.clone().oneshot(request));
        assert!(answer.is_ok_and(|answer| answer.status().is_success()));
    };
    handle(1);
    let region = Region::new(ALLOCATOR);
    for count in 0..REMEMBERED {
        handle(number(2 + count));
    }
    let change = region.change();
    let kept = change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated);
    kept / usize::try_from(REMEMBERED).expect("it is small")
}

/// Numbers that are far from each other.
fn scattered(count: u64) -> u64 {
    count.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
