//! B4 by a clock that stands still while anything is done.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::channel::Channel;
use tokio::time::{Instant, timeout};
use tower_telegram::webhook::UpdateLayer;

use crate::{
    servers::oneshot::{send, webhook},
    support::{
        adapter::BoxError,
        wire::{Answer, Call, MESSAGE},
    },
};

/// A body that never arrives.
#[derive(Debug)]
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

/// Without a limit, a deadline that never comes would hang the test and not fail it.
async fn send_within_an_hour<B>(layer: UpdateLayer, call: &Call, body: B) -> Answer
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let answer = timeout(Duration::from_secs(3600), send(webhook(layer), call, body));
    answer.await.expect("it is rejected")
}

#[tokio::test(start_paused = true)]
async fn b4_a_body_that_never_arrives_is_rejected_at_the_deadline() {
    for (layer, seconds) in [
        (UpdateLayer::new(), 10),
        (UpdateLayer::new().read_timeout(Duration::from_secs(3)), 3),
    ] {
        let start = Instant::now();
        let answer = send_within_an_hour(layer, &Call::new(MESSAGE), Never).await;
        assert_eq!(answer.status, 408);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

/// A byte a second doesn't put the deadline off.
#[tokio::test(start_paused = true)]
async fn b4_a_body_that_dribbles_is_rejected_at_the_deadline() {
    let (sender, body) = Channel::<Bytes, BoxError>::new(1);
    let dribble = tokio::spawn(async move {
        let mut sender = sender;
        for sent in 0..60 {
            if sender.send_data(Bytes::from_static(b" ")).await.is_err() {
                return sent;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        60
    });
    let start = Instant::now();
    let call = Call::new("").without("Content-Length");
    let answer = send_within_an_hour(UpdateLayer::new(), &call, body).await;
    assert_eq!(answer.status, 408);
    assert_eq!(start.elapsed().as_secs(), 10);
    // The body is let go of, so its sender ends as well.
    assert!(dribble.await.expect("the sender ends") < 20);
}

#[tokio::test(start_paused = true)]
async fn b4_without_a_deadline_a_slow_body_is_waited_for() {
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        for byte in MESSAGE.as_bytes().chunks(1) {
            tokio::time::sleep(Duration::from_secs(60)).await;
            sender
                .send_data(Bytes::from_static(byte))
                .await
                .expect("it is read");
        }
    });
    let layer = UpdateLayer::new().without_read_timeout();
    let answer = send(webhook(layer), &Call::new(MESSAGE), body).await;
    assert_eq!(answer.status, 200);
}
