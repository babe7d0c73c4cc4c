//! The paths that are counted.

use std::{convert::Infallible, future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer as _, Service, ServiceExt as _};
use tower_telegram::{
    client::ApiRequest,
    handler_fn,
    methods::SendMessage,
    types::{ParseError, Update},
    webhook::{
        AllowedUpdatesLayer, DeadlineLayer, DeliveryLayer, ParseLayer, RawUpdate, ReplyBody,
        ReplyLayer, SecretToken, SecretTokenLayer, SequenceLayer, UpdateLayer, Webhook,
    },
};
use tower_telegram_benches::{count::BoxError, updates};

/// A path, and the path that it adds a layer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) over: Option<&'static str>,
    pub(crate) run: fn(u32) -> Result<(), BoxError>,
}

pub(crate) const fn path(
    name: &'static str,
    over: Option<&'static str>,
    run: fn(u32) -> Result<(), BoxError>,
) -> Path {
    Path { name, over, run }
}

pub(crate) const SECRET: &str = "Correct_horse-battery_staple";

/// In the order of the table. A path comes after the one that it is compared with.
pub(crate) const ALL: &[Path] = &[
    path("head/make", None, |rounds| {
        heads(rounds, updates::text_message, Ok)
    }),
    path("head/400 B", Some("head/make"), |rounds| {
        heads(rounds, updates::text_message, RawUpdate::from_bytes)
    }),
    path("head/make 64 KiB", None, |rounds| heads(rounds, long, Ok)),
    path("head/64 KiB", Some("head/make 64 KiB"), |rounds| {
        heads(rounds, long, RawUpdate::from_bytes)
    }),
    path("bare", None, |rounds| ways(rounds, bot())),
    path("delivery", Some("bare"), |rounds| {
        ways(rounds, DeliveryLayer::new().layer(bot()))
    }),
    path("deadline", Some("bare"), |rounds| {
        ways(rounds, deadline().layer(bot()))
    }),
    path("sequence", Some("bare"), |rounds| {
        ways(rounds, SequenceLayer::new().layer(bot()))
    }),
    path("deadline+delivery", Some("bare"), |rounds| {
        ways(rounds, deadline().layer(DeliveryLayer::new().layer(bot())))
    }),
    path("deadline+delivery+sequence", Some("bare"), |rounds| {
        let sequence = SequenceLayer::new().layer(bot());
        ways(
            rounds,
            deadline().layer(DeliveryLayer::new().layer(sequence)),
        )
    }),
    path("reply/bare", None, |rounds| ways(rounds, replying())),
    path("reply/delivery", Some("reply/bare"), |rounds| {
        ways(rounds, DeliveryLayer::new().layer(replying()))
    }),
    path("pending/bare", None, |rounds| ways(rounds, pending())),
    path("pending/delivery", Some("pending/bare"), |rounds| {
        ways(rounds, DeliveryLayer::new().layer(pending()))
    }),
    path("pending/deadline", Some("pending/bare"), |rounds| {
        ways(rounds, deadline().layer(pending()))
    }),
    path(
        "pending/deadline+delivery",
        Some("pending/bare"),
        |rounds| {
            ways(
                rounds,
                deadline().layer(DeliveryLayer::new().layer(pending())),
            )
        },
    ),
    path("request/make", None, |rounds| {
        requests(rounds, tower::service_fn(nothing))
    }),
    path("request/read", Some("request/make"), |rounds| {
        requests(rounds, UpdateLayer::new().layer(tower::service_fn(nothing)))
    }),
    path("request/secret", Some("request/read"), |rounds| {
        let read = UpdateLayer::new().layer(tower::service_fn(nothing));
        requests(rounds, secret()?.layer(read))
    }),
    path("request/secret+filter", Some("request/secret"), |rounds| {
        let filter = AllowedUpdatesLayer::default().layer(tower::service_fn(nothing));
        requests(rounds, secret()?.layer(UpdateLayer::new().layer(filter)))
    }),
    path("request/webhook", Some("request/make"), |rounds| {
        let webhook = Webhook::new(SecretToken::new(SECRET)?);
        requests(rounds, webhook.handler(async |_: Update| {}))
    }),
    path("encode/sendMessage", None, |rounds| {
        let message = SendMessage::new(7, "Could you tell me when the next train leaves, please?");
        (0..rounds).try_for_each(|_| {
            std::hint::black_box(ApiRequest::new(std::hint::black_box(&message))?);
            Ok(())
        })
    }),
];

fn long(n: u32) -> Bytes {
    updates::long_message(n, 64 << 10)
}

fn secret() -> Result<SecretTokenLayer, BoxError> {
    Ok(SecretTokenLayer::new(SecretToken::new(SECRET)?))
}

fn deadline() -> DeadlineLayer {
    DeadlineLayer::new(Duration::from_secs(50))
}

/// A bot that takes the typed update and doesn't reply.
pub(crate) fn bot() -> impl Bot {
    bot_of(async |update: Update| {
        std::hint::black_box(update);
    })
}

/// A bot that replies with a message.
fn replying() -> impl Bot {
    bot_of(async |update: Update| {
        std::hint::black_box(update);
        SendMessage::new(7, "At ten.")
    })
}

/// A bot whose future is pending once.
fn pending() -> impl Bot {
    bot_of(async |update: Update| {
        tokio::task::yield_now().await;
        std::hint::black_box(update);
    })
}

fn bot_of<F, Fut>(handler: F) -> impl Bot
where
    F: FnMut(Update) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: tower_telegram::webhook::HandlerOutput<Error = Infallible>,
    <Fut::Output as tower_telegram::webhook::HandlerOutput>::Reply: Send,
{
    ParseLayer::<Update>::new().layer(ReplyLayer::new().layer(handler_fn(handler)))
}

/// The service below the counted layers.
pub(crate) trait Bot:
    Service<
        Request<RawUpdate>,
        Response = Response<ReplyBody>,
        Error: Into<BoxError> + Send,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Bot for S where
    S: Service<
            Request<RawUpdate>,
            Response = Response<ReplyBody>,
            Error: Into<BoxError> + Send,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

pub(crate) async fn nothing<T>(request: Request<T>) -> Result<Response<ReplyBody>, Infallible> {
    std::hint::black_box(request);
    Ok(Response::default())
}

/// Creates bodies, applies a function to each, and drops the results.
fn heads<T>(
    rounds: u32,
    make: fn(u32) -> Bytes,
    of: fn(Bytes) -> Result<T, ParseError>,
) -> Result<(), BoxError> {
    for n in 0..rounds {
        let head = of(make(n));
        // Read in place, so that a move isn't counted.
        if std::hint::black_box(&head).is_err() {
            return Err("it isn't read".into());
        }
    }
    Ok(())
}

/// Sends parsed updates to a service, one after the other.
pub(crate) fn ways<S>(rounds: u32, service: S) -> Result<(), BoxError>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>, Error: Into<BoxError>>,
{
    calls(rounds, service, |n| {
        Ok(Request::new(RawUpdate::from_bytes(updates::text_message(
            n,
        ))?))
    })
}

/// Sends requests to a service, like a server does.
fn requests<S>(rounds: u32, service: S) -> Result<(), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<ReplyBody>, Error: Into<BoxError>>,
{
    calls(rounds, service, |n| request(n, SECRET))
}

/// The n-th request of a run.
pub(crate) fn request(n: u32, secret: &str) -> Result<Request<Full<Bytes>>, BoxError> {
    let request = Request::post("/bot")
        .header("content-type", "application/json")
        .header("x-telegram-bot-api-secret-token", secret)
        .body(Full::new(updates::text_message(n)))?;
    Ok(request)
}

/// A rejected request would cost less, so an unexpected status is an error.
fn calls<S, R>(
    rounds: u32,
    service: S,
    request: impl Fn(u32) -> Result<R, BoxError>,
) -> Result<(), BoxError>
where
    S: Service<R, Response = Response<ReplyBody>, Error: Into<BoxError>>,
{
    answered(StatusCode::OK, rounds, service, request)
}

/// Sends requests one after the other, and expects `status`.
pub(crate) fn answered<S, R>(
    status: StatusCode,
    rounds: u32,
    mut service: S,
    request: impl Fn(u32) -> Result<R, BoxError>,
) -> Result<(), BoxError>
where
    S: Service<R, Response = Response<ReplyBody>, Error: Into<BoxError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for n in 0..rounds {
            let request = request(n)?;
            let ready = service.ready().await.map_err(Into::into)?;
            let answer = ready.call(request).await.map_err(Into::into)?;
            if answer.status() != status {
                return Err(format!("it is answered with {}", answer.status()).into());
            }
        }
        Ok(())
    })
}
