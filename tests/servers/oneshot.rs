//! Tests that need a body of their own. (A2, B3, B4)

use std::{
    iter,
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use tower::ServiceExt as _;
use tower_telegram::webhook::{UpdateLayer, Webhook, WebhookService};

use crate::{
    admission::secret::wrong_secrets,
    support::{
        adapter::{BoxError, Handler, nothing, read, secret},
        bodies::Frames,
        wire::{Answer, Call, MESSAGE, SECRET},
    },
};

pub(crate) type Service = WebhookService<Handler<tower_telegram::types::Update>>;

pub(crate) fn webhook(layer: UpdateLayer) -> Service {
    Webhook::new(secret(SECRET))
        .update(layer)
        .service(Handler::new(nothing))
}

/// Sends the call's head with another body.
pub(crate) async fn send<B>(service: Service, call: &Call, body: B) -> Answer
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let request: Request<B> = call.request().map(|_| body);
    let Ok(response) = service.oneshot(request).await;
    let answer = read(response).await;
    answer.check(call);
    answer
}

/// For those who mustn't look at it.
#[derive(Debug)]
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        panic!("the body was polled");
    }
}

#[tokio::test]
async fn a2_a_wrong_secret_never_polls_the_body() {
    let service = webhook(UpdateLayer::new());
    for wrong in wrong_secrets(&Call::new(MESSAGE)) {
        let answer = send(service.clone(), &wrong, Untouchable).await;
        assert_eq!(answer.status, 401, "{wrong:?}");
    }
}

#[tokio::test]
async fn b1_b2_b3_what_the_head_says_is_enough_to_refuse_it() {
    let service = webhook(UpdateLayer::new().max_bytes(100));
    let call = Call::new("").with("Content-Length", "100");
    for (call, status) in [
        (call.clone().method("PUT"), 405),
        (call.clone().with("Content-Type", "text/plain"), 415),
        (call.clone().header("Content-Encoding", "gzip"), 415),
        (call.with("Content-Length", "101"), 413),
    ] {
        let answer = send(service.clone(), &call, Untouchable).await;
        assert_eq!(answer.status, status, "{call:?}");
    }
}

#[tokio::test]
async fn b3_reading_stops_at_the_limit() {
    let service = webhook(UpdateLayer::new().max_bytes(100));
    let call = Call::new("").without("Content-Length");
    for (size, frames) in [
        (1, 101),
        (10, 11),
        (33, 4),
        (100, 2),
        (101, 1),
        (1 << 20, 1),
    ] {
        let chunk = Bytes::from(vec![b' '; size]);
        let (body, taken) = Frames::new(iter::repeat_with(|| Ok(chunk.clone())));
        assert_eq!(send(service.clone(), &call, body).await.status, 413);
        assert_eq!(taken.load(Ordering::Relaxed), frames, "of {size} bytes");
    }
}

#[tokio::test]
async fn b3_a_body_of_exactly_the_limit_is_read_however_it_is_cut() {
    let service = webhook(UpdateLayer::new().max_bytes(MESSAGE.len()));
    for size in 1..=MESSAGE.len() {
        let chunks = MESSAGE.as_bytes().chunks(size);
        let (body, taken) = Frames::new(chunks.map(|chunk| Ok(Bytes::from_static(chunk))));
        let call = Call::new("").without("Content-Length");
        assert_eq!(send(service.clone(), &call, body).await.status, 200);
        // The end is looked for, too.
        let frames = MESSAGE.len().div_ceil(size) + 1;
        assert_eq!(taken.load(Ordering::Relaxed), frames, "of {size} bytes");
    }
}

#[tokio::test]
async fn b4_a_body_that_breaks_off_isnt_an_update() {
    let service = webhook(UpdateLayer::new());
    let start = Ok(Bytes::from_static(MESSAGE.as_bytes()));
    let (body, _) = Frames::new([start, Err("reset".into())].into_iter());
    let answer = send(service, &Call::new(MESSAGE), body).await;
    assert_eq!(answer.status, 400);
}
