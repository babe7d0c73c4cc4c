//! The call of a reply for which no request waits.

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    Client, Reply,
    client::{CallProgress, Error, ErrorChain, ErrorKind},
    task::backoff::Backoff,
};

/// For how long a reply is sent again where neither a request nor another chat waits for it.
pub(crate) const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Sends a reply through the client, and again after a pause if Telegram can't have received it: the connection failed
/// before, or the call was over a limit. Whatever else Telegram responds is the end of it, as with the reply in a
/// response to Telegram. Once `stop` is ready, no pause is waited for. `progress` says meanwhile whether Telegram may
/// have the reply.
///
/// # Errors
///
/// The last call's error. No call begins after `max_time`.
pub(crate) async fn call_reply(
    client: &Client,
    update_id: i64,
    reply: &Reply,
    progress: &CallProgress,
    max_time: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut stop = pin!(stop);
    let until = Instant::now() + max_time;
    let mut backoff = Backoff::new();
    loop {
        let Err(error) = client.send_watched_reply(reply, progress).await else {
            return Ok(());
        };
        let pause = backoff.next(error.retry_after());
        if !may_be_sent_again(&error) || Instant::now() + pause > until {
            return Err(error);
        }
        log(update_id, &error);
        tokio::select! {
            biased;
            () = &mut stop => return Err(error),
            () = sleep(pause) => {}
        }
    }
}

fn log(update_id: i64, error: &Error) {
    let error = ErrorChain(error);
    tracing::warn!(%error, update_id, "failed to send reply, trying again");
}

fn may_be_sent_again(error: &Error) -> bool {
    let has_deadline = error.kind() == ErrorKind::DeadlineExceeded;
    error.is_retryable() && !error.may_have_arrived() && !has_deadline
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex},
    };

    use http::StatusCode;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::{
        IntoReply as _,
        client::{ApiRequest, ApiResponse},
        methods::SendMessage,
    };

    /// Sends a reply to a server with these errors for its first calls. Returns how many calls there were, how long they took
    /// together, and whether the last succeeded.
    async fn send(errors: Vec<Error>) -> (usize, Duration, bool) {
        let calls = Arc::new(Mutex::new((0, errors.into_iter())));
        let log = Arc::clone(&calls);
        let client = Client::from_service(service_fn(move |_: ApiRequest| {
            let mut calls = log.lock().unwrap();
            calls.0 += 1;
            let failed = calls.1.next();
            async move {
                match failed {
                    Some(error) => Err(BoxError::from(error)),
                    None => Ok(ApiResponse::new("true")),
                }
            }
        }));
        let reply = SendMessage::new(1, "x").into_reply().unwrap();
        let began = Instant::now();
        let progress = CallProgress::default();
        let sent = call_reply(&client, 7, &reply, &progress, TEN_MINUTES, pending()).await;
        let calls = calls.lock().unwrap().0;
        (calls, began.elapsed(), sent.is_ok())
    }

    fn flood(seconds: u64) -> Error {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let wait = Some(Duration::from_secs(seconds));
        Error::api(status, "x".into(), wait, None)
    }

    #[tokio::test(start_paused = true)]
    async fn h5_a_reply_that_cant_have_arrived_is_sent_again() {
        let unsent = || Error::transport("refused", false);
        let (calls, time, sent) = send(vec![unsent(), flood(30), unsent()]).await;
        assert!(sent);
        assert_eq!(calls, 4);
        assert!(time >= Duration::from_secs(30), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn h5_a_reply_that_may_have_arrived_or_was_refused_is_sent_once() {
        let api = |status| Error::api(status, "x".into(), None, None);
        for error in [
            Error::transport("broken", true),
            api(StatusCode::BAD_REQUEST),
            api(StatusCode::FORBIDDEN),
            api(StatusCode::BAD_GATEWAY),
            Error::invalid("x"),
        ] {
            let text = error.to_string();
            let (calls, _, sent) = send(vec![error]).await;
            assert_eq!((calls, sent), (1, false), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn h5_a_reply_is_sent_again_for_ten_minutes_at_most() {
        let unsent = (0..100).map(|_| Error::transport("refused", false));
        let (calls, time, sent) = send(unsent.collect()).await;
        assert!(!sent && calls > 9, "{calls}");
        assert!(time <= TEN_MINUTES && time > TEN_MINUTES / 2, "{time:?}");
        // A longer pause isn't waited for.
        let (calls, time, sent) = send(vec![flood(3000)]).await;
        assert_eq!((calls, time, sent), (1, Duration::ZERO, false));
    }
}
