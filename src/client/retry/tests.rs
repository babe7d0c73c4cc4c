use std::{error, time::Duration};

use http::StatusCode;
use tokio::time::Instant;
use tower::{
    Layer as _, Service as _, ServiceExt as _, retry as tower_retry, timeout::error::Elapsed,
};
use tower_test::mock::{self, Handle, Mock};

use super::{layer::RetryLayer, policy::RetryPolicy, service::Retry};
use crate::{
    client::{ApiRequest, ApiResponse, Error, ErrorKind, into_error::MapToClientError},
    methods::{GetMe, SendMessage},
    task::Deadline,
};

type Calls = Handle<ApiRequest, ApiResponse>;
type Answer = Result<ApiResponse, Error>;

/// The layer over a mocked Bot API.
fn over(layer: impl Into<RetryLayer>) -> (Retry<Mock<ApiRequest, ApiResponse>>, Calls) {
    let (api, calls) = mock::pair();
    (layer.into().layer(api), calls)
}

fn to_chat(chat_id: i64) -> ApiRequest {
    ApiRequest::new(&SendMessage::new(chat_id, "hi")).unwrap()
}

fn get_me() -> ApiRequest {
    ApiRequest::new(&GetMe::new()).unwrap()
}

fn api(status: u16, retry_after: Option<u64>) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    let retry_after = retry_after.map(Duration::from_secs);
    Error::api(status, "words".into(), retry_after, None)
}

fn flooded(retry_after: u64) -> Error {
    api(429, Some(retry_after))
}

/// Makes a call, whose attempts fail with these errors and then succeed. Returns the result, and when each attempt was
/// made.
async fn play(
    layer: impl Into<RetryLayer>,
    call: ApiRequest,
    failures: impl IntoIterator<Item = Error>,
) -> (Answer, Vec<Duration>) {
    let (service, mut calls) = over(layer);
    let began = Instant::now();
    let answer = tokio::spawn(service.oneshot(call));
    let mut made = Vec::new();
    let mut failures = failures.into_iter();
    while let Some((_, respond)) = calls.next_request().await {
        made.push(began.elapsed());
        match failures.next() {
            Some(error) => respond.send_error(error),
            None => respond.send_response(ApiResponse::new("true")),
        }
    }
    (answer.await.unwrap(), made)
}

#[tokio::test(start_paused = true)]
async fn f2_a_call_is_repeated_after_the_wait_of_its_429() {
    for call in [to_chat(1), get_me()] {
        let (answer, made) = play(RetryLayer::new(), call, [flooded(7), flooded(30)]).await;
        assert_eq!(answer.unwrap().result().unwrap(), "true");
        let [_, second, third] = made[..] else {
            panic!("{made:?}")
        };
        // Not less than the wait, and little more.
        assert!((7.0..7.71).contains(&second.as_secs_f64()), "{made:?}");
        let later = third.saturating_sub(second).as_secs_f64();
        assert!((30.0..31.01).contains(&later), "{made:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f2_a_429_without_a_wait_is_repeated_after_a_back_off() {
    let (answer, made) = play(RetryLayer::new(), to_chat(1), [flooded(0)]).await;
    assert_eq!(answer.unwrap().result().unwrap(), "true");
    assert!(made[1] >= Duration::from_millis(500), "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn f2_a_wait_beyond_the_time_for_the_whole_call_is_not_begun() {
    let layer = || RetryLayer::new().max_elapsed(Duration::from_secs(16));
    for (failures, attempts) in [([7, 7], 3), ([7, 10], 2), ([17, 1], 1)] {
        let (answer, made) = play(layer(), to_chat(1), failures.map(flooded)).await;
        assert_eq!(made.len(), attempts, "{failures:?}");
        assert_eq!(answer.is_ok(), attempts == 3, "{failures:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f2_calls_to_other_chats_are_made_while_one_waits() {
    let (service, mut calls) = over(RetryLayer::new());
    let began = Instant::now();
    let waiting = tokio::spawn(service.clone().oneshot(to_chat(1)));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_error(flooded(30));
    let other = tokio::spawn(service.oneshot(to_chat(2)));
    let (call, respond) = calls.next_request().await.unwrap();
    assert_eq!(call.chat_id(), Some(&2.into()));
    respond.send_response(ApiResponse::new("2"));
    assert_eq!(other.await.unwrap().unwrap().result().unwrap(), "2");
    assert_eq!(began.elapsed(), Duration::ZERO);

    let (call, respond) = calls.next_request().await.unwrap();
    assert_eq!(call.chat_id(), Some(&1.into()));
    respond.send_response(ApiResponse::new("1"));
    assert_eq!(waiting.await.unwrap().unwrap().result().unwrap(), "1");
}

/// Tower clones a policy with its random numbers. Calls that shared them would be repeated together, and refused
/// together again.
#[tokio::test(start_paused = true)]
async fn f2_calls_that_were_refused_together_are_not_repeated_together() {
    for error in [|| flooded(10), || Error::transport("refused", false)] {
        let (mut service, mut calls) = over(RetryLayer::new());
        let began = Instant::now();
        for chat_id in 0..50 {
            let service = service.ready().await.unwrap();
            tokio::spawn(service.call(to_chat(chat_id)));
        }
        for _ in 0..50 {
            calls.next_request().await.unwrap().1.send_error(error());
        }
        let mut moments = std::collections::HashSet::new();
        for _ in 0..50 {
            let (_, respond) = calls.next_request().await.unwrap();
            respond.send_response(ApiResponse::new("true"));
            moments.insert(began.elapsed().as_millis());
        }
        assert!(moments.len() > 25, "{moments:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f2_the_number_of_attempts_is_limited() {
    for (layer, attempts) in [
        (RetryLayer::new(), 5),
        (RetryLayer::new().max_attempts(2), 2),
        (RetryLayer::new().max_attempts(1), 1),
        (RetryLayer::new().max_attempts(0), 1),
    ] {
        let (answer, made) = play(layer, to_chat(1), (1..=10).map(flooded)).await;
        assert_eq!(made.len(), attempts);
        // The caller gets the last error.
        let last = u64::try_from(attempts).unwrap();
        let retry_after = answer.unwrap_err().retry_after();
        assert_eq!(retry_after, Some(Duration::from_secs(last)));
    }
}

/// The caller got the error only after a wait that was longer than the time left.
#[tokio::test(start_paused = true)]
async fn f2_a_wait_beyond_the_time_left_is_not_begun() {
    let began = Instant::now();
    let (answer, made) = play(RetryLayer::new(), to_chat(1), [flooded(121)]).await;
    assert_eq!(
        answer.unwrap_err().status(),
        Some(StatusCode::TOO_MANY_REQUESTS)
    );
    assert_eq!((made.len(), began.elapsed()), (1, Duration::ZERO));

    // Earlier waits count.
    let (answer, made) = play(RetryLayer::new(), to_chat(1), [flooded(70), flooded(60)]).await;
    assert!(answer.unwrap_err().is_rate_limited());
    assert_eq!(made.len(), 2);

    let layer = RetryLayer::new().max_retry_after(Duration::from_secs(5));
    let (answer, made) = play(layer, to_chat(1), [flooded(5), flooded(6)]).await;
    assert!(answer.unwrap_err().is_rate_limited());
    assert_eq!(made.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn f2_a_wait_beyond_the_calls_deadline_is_not_begun() {
    for (wait, attempts) in [(7, 2), (21, 1)] {
        let mut call = to_chat(1);
        let due = Instant::now() + Duration::from_secs(20);
        call.extensions_mut().insert(Deadline::at(due));
        let (answer, made) = play(RetryLayer::new(), call, [flooded(wait)]).await;
        assert_eq!(made.len(), attempts, "{wait} s");
        assert_eq!(answer.is_ok(), attempts == 2, "{wait} s");
    }
}

/// The time of the attempts counts too, and each call has its own time: a service that kept the start of its first call
/// would have no time left after two minutes.
#[tokio::test(start_paused = true)]
async fn f2_each_call_has_its_own_time() {
    let (mut service, mut calls) = over(RetryLayer::new());
    let first = soon(service.ready().await.unwrap().call(get_me()));
    let (_, respond) = calls.next_request().await.unwrap();
    tokio::time::advance(Duration::from_secs(130)).await;
    respond.send_error(Error::transport("reset", true));
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);

    let second = soon(service.ready().await.unwrap().call(get_me()));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_error(Error::transport("reset", true));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_response(ApiResponse::new("true"));
    assert!(second.await.unwrap().is_ok());
}

/// Ends even if the call, by mistake, waits for a response that the test doesn't send.
fn soon<F>(call: F) -> tokio::task::JoinHandle<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let hour = Duration::from_secs(3600);
    tokio::spawn(async move { tokio::time::timeout(hour, call).await.unwrap() })
}

#[tokio::test(start_paused = true)]
async fn f3_a_call_that_was_not_sent_is_repeated_after_growing_waits() {
    let (min, max) = (Duration::from_secs(1), Duration::from_secs(3));
    for call in [to_chat(1), get_me()] {
        let layer = RetryLayer::new().backoff(min, max);
        let refused = (0..4).map(|_| Error::transport("refused", false));
        let (answer, made) = play(layer, call, refused).await;
        assert!(answer.is_ok());
        let waits: Vec<_> = made.windows(2).map(|m| m[1].saturating_sub(m[0])).collect();
        // The timer has a resolution of a millisecond.
        let tick = Duration::from_millis(1);
        for (wait, least) in waits.iter().zip([1, 2, 3, 3].map(Duration::from_secs)) {
            assert!(
                *wait >= least && *wait <= max.min(least * 2) + tick,
                "{waits:?}"
            );
        }
        assert_eq!(waits.len(), 4);
    }
}

/// Tower rejects a back-off with these bounds, and a setter can't return an error.
#[tokio::test(start_paused = true)]
async fn f3_all_bounds_are_accepted() {
    let second = Duration::from_secs(1);
    for (min, max) in [
        (Duration::ZERO, Duration::ZERO),
        (second, Duration::ZERO),
        (second * 2, second),
        (Duration::ZERO, Duration::MAX),
        (Duration::ZERO, Duration::from_secs(1)),
    ] {
        let layer = RetryLayer::new().backoff(min, max);
        let refused = [Error::transport("refused", false)];
        let (answer, made) = play(layer, get_me(), refused).await;
        assert!(answer.is_ok());
        assert!(made[1] >= min && made[1] <= min * 2 + second, "{made:?}");
    }
}

/// Each of a thousand calls was repeated four times.
#[tokio::test(start_paused = true)]
async fn f3_a_server_that_is_down_does_not_get_many_more_calls() {
    let attempts = async |layer: RetryLayer| {
        let (service, mut calls) = over(layer);
        let made = tokio::spawn(async move {
            let mut made = 0;
            while let Some((_, respond)) = calls.next_request().await {
                made += 1;
                respond.send_error(Error::transport("refused", false));
            }
            made
        });
        let answers = (0..1000).map(|_| tokio::spawn(service.clone().oneshot(get_me())));
        for answer in answers.collect::<Vec<_>>() {
            assert!(answer.await.unwrap().is_err());
        }
        drop(service);
        made.await.unwrap()
    };
    let usual = attempts(RetryLayer::new()).await;
    assert!((1000..1300).contains(&usual), "{usual}");
    assert_eq!(attempts(RetryLayer::new().budget(0, 0)).await, 1000);
    assert_eq!(attempts(RetryLayer::new().without_budget()).await, 5000);
    let most = RetryLayer::new().budget(u32::MAX, u32::MAX);
    assert_eq!(attempts(most).await, 5000);
}

#[tokio::test(start_paused = true)]
async fn f3_successes_add_to_the_budget_and_named_waits_do_not_use_it() {
    let (service, mut calls) = over(RetryLayer::new().budget(0, 20));
    let call = |answer: Answer| {
        let service = service.clone();
        let made = tokio::spawn(service.oneshot(get_me()));
        (made, answer)
    };
    for (failure, repeated) in [
        (Error::transport("refused", false), false),
        (flooded(1), true),
        (api(404, None), false),
    ] {
        let (made, answer) = call(Err(failure));
        let (_, respond) = calls.next_request().await.unwrap();
        respond.send_error(answer.unwrap_err());
        if repeated {
            let (_, respond) = calls.next_request().await.unwrap();
            respond.send_response(ApiResponse::new("true"));
        }
        assert_eq!(made.await.unwrap().is_ok(), repeated);
    }
    for _ in 0..3 {
        let (made, _) = call(Ok(ApiResponse::new("true")));
        let (_, respond) = calls.next_request().await.unwrap();
        respond.send_response(ApiResponse::new("true"));
        assert!(made.await.unwrap().is_ok());
    }
    // Five calls with a response, one of which is a refusal.
    let (made, _) = call(Ok(ApiResponse::new("true")));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_error(Error::transport("refused", false));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_response(ApiResponse::new("true"));
    assert!(made.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn f4_a_call_that_may_have_arrived_is_repeated_only_if_it_is_idempotent() {
    let failures: [fn() -> Error; 6] = [
        || Error::transport("reset", true),
        || Error::timeout(true),
        || Error::from(Box::<dyn error::Error + Send + Sync>::from(Elapsed::new())),
        || api(500, None),
        || Error::http(StatusCode::BAD_GATEWAY),
        // Half a response.
        || Error::http(StatusCode::OK),
    ];
    for failure in failures {
        let (answer, made) = play(RetryLayer::new(), to_chat(1), [failure()]).await;
        assert_eq!(answer.unwrap_err().kind(), failure().kind());
        assert_eq!(made.len(), 1, "{:?}", failure());
        let (answer, made) = play(RetryLayer::new(), get_me(), [failure()]).await;
        assert!(answer.is_ok());
        assert_eq!(made.len(), 2, "{:?}", failure());

        let mut once_more = to_chat(1);
        once_more = once_more.idempotent(true);
        let (answer, _) = play(RetryLayer::new(), once_more, [failure()]).await;
        assert!(answer.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f3_no_bound_of_a_back_off_overflows() {
    let max = Duration::MAX;
    let layer = RetryLayer::new().backoff(max, max).max_elapsed(max);
    let layer = layer.max_retry_after(max).max_attempts(u32::MAX);
    let (service, mut calls) = over(layer);
    let made = tokio::spawn(service.oneshot(get_me()));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_error(Error::transport("refused", false));
    let waits = tokio::time::timeout(Duration::from_secs(86_400), made).await;
    assert!(waits.is_err());
}

#[tokio::test(start_paused = true)]
async fn f4_a_call_that_the_server_did_not_begin_is_repeated() {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let closing = "Internal Server Error: restart".into();
    let failures = [Error::api(status, closing, None, None)];
    let (answer, made) = play(RetryLayer::new(), to_chat(1), failures).await;
    assert!(answer.is_ok());
    assert_eq!(made.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn f5_a_permanent_failure_is_not_repeated() {
    let refusals = [400, 401, 403, 404, 409, 413, 421];
    let failures = refusals
        .map(|status| api(status, None))
        .into_iter()
        .chain(refusals.map(|status| Error::http(StatusCode::from_u16(status).unwrap())))
        .chain([
            Error::invalid("x"),
            Error::encode("x"),
            Error::upload("x"),
            Error::decode("x"),
        ]);
    for failure in failures {
        let expected = (failure.kind(), failure.status());
        let (answer, made) = play(RetryLayer::new(), get_me(), [failure]).await;
        let error = answer.unwrap_err();
        assert_eq!((error.kind(), error.status()), expected);
        assert_eq!(made.len(), 1, "{error}");
    }
}

/// A waiting call held a permit of the inner service, because it had polled it ready before the wait.
#[tokio::test(start_paused = true)]
async fn a_waiting_call_holds_no_permit_of_the_inner_service() {
    let (api_below, mut calls) = mock::pair::<ApiRequest, ApiResponse>();
    let limited = tower::limit::ConcurrencyLimit::new(api_below, 1);
    let service = RetryLayer::new().layer(limited);
    let began = Instant::now();
    let waiting = tokio::spawn(service.clone().oneshot(to_chat(1)));
    calls
        .next_request()
        .await
        .unwrap()
        .1
        .send_error(flooded(30));
    let other = tokio::spawn(service.oneshot(to_chat(2)));
    let (_, respond) = calls.next_request().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    respond.send_response(ApiResponse::new("true"));
    assert!(other.await.unwrap().is_ok());
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_response(ApiResponse::new("true"));
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_policy_works_with_towers_own_layer() {
    let (api_below, mut calls) = mock::pair::<ApiRequest, ApiResponse>();
    let below = MapToClientError { inner: api_below };
    let service = tower_retry::RetryLayer::new(RetryPolicy::new()).layer(below);
    let answer = tokio::spawn(service.oneshot(to_chat(1)));
    calls.next_request().await.unwrap().1.send_error(flooded(1));
    let (_, respond) = calls.next_request().await.unwrap();
    respond.send_response(ApiResponse::new("true"));
    assert!(answer.await.unwrap().is_ok());
}
