//! From the handler's reply to the response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::ReplyBody;
use crate::{
    IntoReply, Reply, ReplyError,
    task::polled_after_completion,
    webhook::{Failure, Rejection, outcome::failed_response},
};

pin_project! {
    #[project = ReplyStateProj]
    pub(super) enum ReplyState<F> {
        Handling { #[pin] future: F },
        Later { future: Later },
        Failed { failure: Option<Failure> },
    }
}

impl<F, R, E> Future for ReplyState<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
{
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let later = match self.as_mut().project() {
                ReplyStateProj::Later { future } => return future.as_mut().poll(cx).map(Ok),
                ReplyStateProj::Failed { failure } => {
                    let failure = failure.take().unwrap_or_else(|| polled_after_completion());
                    return Poll::Ready(Ok(failed_response(failure)));
                }
                ReplyStateProj::Handling { future } => match encode(ready!(future.poll(cx))?) {
                    Encoding::Now(response) => return Poll::Ready(Ok(response)),
                    Encoding::Later(later) => later,
                },
            };
            self.set(Self::Later { future: later });
        }
    }
}

type Later = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// A response: at once, or after files were opened.
// Most are made at once, and a box would only cost time.
#[allow(clippy::large_enum_variant)]
enum Encoding {
    Now(Response<ReplyBody>),
    Later(Later),
}

/// The response for the handler's reply.
fn encode<R: IntoReply>(reply: R) -> Encoding {
    let reply = match reply.into_reply() {
        Ok(reply) => reply,
        Err(error) => return Encoding::Now(rejected(error)),
    };
    if ReplyBody::needs_opening(&reply) {
        return Encoding::Later(Box::pin(open(reply)));
    }
    Encoding::Now(ReplyBody::respond(reply).unwrap_or_else(rejected))
}

async fn open(reply: Reply) -> Response<ReplyBody> {
    let opened = ReplyBody::open_and_respond(reply).await;
    opened.unwrap_or_else(rejected)
}

fn rejected(error: ReplyError) -> Response<ReplyBody> {
    Rejection::Reply(error).into_response()
}
