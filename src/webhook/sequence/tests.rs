use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use http::header;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{ServiceExt as _, limit::ConcurrencyLimit, service_fn, util::Oneshot};
use tower_test::mock::{self, Mock};

use super::*;
use crate::webhook::BotId;

type Update = Request<RawUpdate>;
type Below = Mock<Update, Response<String>>;
type Respond = mock::SendResponse<Response<String>>;
type Sent<S = Below> = task::Spawn<Oneshot<Sequence<S>, Update>>;

fn update(json: &str) -> Update {
    let bytes = Bytes::copy_from_slice(json.as_bytes());
    Request::new(RawUpdate::from_bytes(bytes).unwrap())
}

fn message(id: i64, chat: i64) -> Update {
    update(&format!(
        r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#
    ))
}

fn pressed(id: i64, user: i64, chat: i64) -> Update {
    update(&format!(
        r#"{{"update_id":{id},"callback_query":{{"from":{{"id":{user}}},"message":{{"chat":{{"id":{chat}}}}}}}}}"#
    ))
}

fn inline(id: i64, user: i64) -> Update {
    update(&format!(
        r#"{{"update_id":{id},"inline_query":{{"from":{{"id":{user}}}}}}}"#
    ))
}

fn poll(id: i64) -> Update {
    update(&format!(r#"{{"update_id":{id},"poll":{{}}}}"#))
}

/// Sends it, and polls it once.
fn send<S>(service: &Sequence<S>, update: Update) -> Sent<S>
where
    S: Service<Update, Response = Response<String>> + Clone,
    S::Error: fmt::Debug,
{
    let mut sent = task::spawn(service.clone().oneshot(update));
    let _ = sent.poll().map(|answer| panic!("answered: {answer:?}"));
    sent
}

/// The layer over a handler that the test plays.
struct Play {
    layer: SequenceLayer,
    service: Sequence<Below>,
    calls: mock::Handle<Update, Response<String>>,
}

impl Play {
    fn new(layer: SequenceLayer) -> Self {
        let (below, calls) = mock::pair();
        Self {
            service: layer.layer(below),
            layer,
            calls,
        }
    }

    fn send(&self, update: Update) -> Sent {
        send(&self.service, update)
    }

    /// It is rejected at once.
    fn refused(&self, update: Update) {
        let mut sent = task::spawn(self.service.clone().oneshot(update));
        let answer = assert_ready_ok!(sent.poll());
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        assert_eq!(answer.extensions().get(), Some(&Rejection::Overloaded));
    }

    /// The update that the handler was called with, if it was.
    fn called(&mut self) -> Option<(i64, Respond)> {
        match self.calls.poll_request() {
            Poll::Ready(Some((update, respond))) => Some((update.body().update_id(), respond)),
            _ => None,
        }
    }

    /// The updates that the handler was called with.
    fn all_called(&mut self) -> Vec<(i64, Respond)> {
        std::iter::from_fn(|| self.called()).collect()
    }

    #[track_caller]
    fn called_with(&mut self, id: i64) -> Respond {
        let (called, respond) = self.called().unwrap();
        assert_eq!(called, id);
        respond
    }

    #[track_caller]
    fn not_called(&mut self) {
        let called = self.called().map(|(id, _)| id);
        assert_eq!(called, None);
    }
}

fn ids(called: &[(i64, Respond)]) -> Vec<i64> {
    called.iter().map(|(id, _)| *id).collect()
}

fn done() -> Response<String> {
    Response::new("done".into())
}

#[track_caller]
fn answered(sent: &mut Sent) {
    assert!(sent.is_woken());
    assert_eq!(assert_ready_ok!(sent.poll()).body(), "done");
}

#[test]
fn d8_a_message_and_a_press_in_the_same_chat_go_one_after_the_other() {
    let mut play = Play::new(SequenceLayer::new());
    let mut first = play.send(message(1, 7));
    let mut second = play.send(pressed(2, 3, 7));
    let respond = play.called_with(1);
    assert_pending!(second.poll());
    play.not_called();
    respond.send_response(done());
    answered(&mut first);
    assert!(second.is_woken());
    assert_pending!(second.poll());
    play.called_with(2).send_response(done());
    answered(&mut second);
}

#[test]
fn d8_other_chats_go_on() {
    let mut play = Play::new(SequenceLayer::new());
    let sent: Vec<_> = (1..=50).map(|id| play.send(message(id, id % 10))).collect();
    let called = play.all_called();
    assert_eq!(ids(&called), (1..=10).collect::<Vec<_>>());
    drop(sent);
}

/// However often and in whichever order they are polled later.
#[test]
fn d8_a_chats_updates_go_in_the_order_in_which_they_came() {
    let mut play = Play::new(SequenceLayer::new());
    let mut sent: Vec<_> = (0..50).map(|id| play.send(message(id, 7))).collect();
    for (id, at) in (0..50).zip(0..) {
        let waiting = sent[at..].iter_mut();
        waiting.rev().for_each(|sent| assert_pending!(sent.poll()));
        let respond = play.called_with(id);
        play.not_called();
        respond.send_response(done());
        answered(&mut sent[at]);
    }
}

#[test]
fn d8_an_update_without_a_chat_waits_for_its_users() {
    let mut play = Play::new(SequenceLayer::new());
    let sent = [
        play.send(inline(1, 7)),
        play.send(message(2, 7)),
        play.send(inline(3, 8)),
        play.send(pressed(4, 7, -100)),
    ];
    assert_eq!(ids(&play.all_called()), [1, 3, 4]);
    drop(sent);
}

#[test]
fn d8_an_update_without_chat_and_user_does_not_wait() {
    let layer = SequenceLayer::new().max_waiting(0);
    let mut play = Play::new(layer);
    let sent: Vec<_> = (1..=50).map(|id| play.send(poll(id))).collect();
    assert_eq!(play.all_called().len(), 50);
    assert_eq!(play.layer.queues.len(), 0);
    drop(sent);
}

#[test]
fn d8_the_key_can_be_chosen() {
    let play = |layer| {
        let mut play = Play::new(layer);
        let sent = [
            play.send(pressed(1, 3, -100)),
            play.send(pressed(2, 4, -100)),
            play.send(pressed(3, 3, -200)),
            play.send(message(4, -100)),
        ];
        let called = ids(&play.all_called());
        drop(sent);
        called
    };
    assert_eq!(play(SequenceLayer::default()), [1, 3]);
    assert_eq!(play(SequenceLayer::by_chat()), [1, 3]);
    // An update without a user has its chat as the key.
    assert_eq!(play(SequenceLayer::by_user()), [1, 2, 4]);
    let name = |update: &RawUpdate| Some(update.name().to_owned());
    assert_eq!(play(SequenceLayer::by(name)), [1, 4]);
    assert_eq!(play(SequenceLayer::by(|_| Some("all"))), [1]);
    assert_eq!(play(SequenceLayer::by(|_| None::<i64>)), [1, 2, 3, 4]);
    let some = |update: &RawUpdate| (update.update_id() > 1).then_some(0);
    assert_eq!(play(SequenceLayer::by(some)), [1, 2]);
}

#[test]
fn d8_bots_dont_wait_for_each_other() {
    let mut play = Play::new(SequenceLayer::new());
    let of = |bot, mut update: Update| {
        update.extensions_mut().insert(BotId(bot));
        update
    };
    let sent = [
        play.send(of(1, message(1, 7))),
        play.send(of(2, message(2, 7))),
        play.send(of(2, message(3, 7))),
        play.send(message(4, 7)),
    ];
    assert_eq!(ids(&play.all_called()), [1, 2, 4]);
    drop(sent);
}

#[test]
fn d8_clones_of_the_layer_share_the_line() {
    let mut play = Play::new(SequenceLayer::new());
    let (below, mut calls) = mock::pair::<Update, Response<String>>();
    let another = play.layer.clone().layer(below);
    let sent = [play.send(message(1, 7)), send(&another, message(2, 7))];
    assert_eq!(ids(&play.all_called()), [1]);
    assert!(calls.poll_request().is_pending());
    drop(sent);
}

#[test]
fn d8_a_request_that_hangs_up_leaves_the_line_or_ends_its_turn() {
    let mut play = Play::new(SequenceLayer::new());
    let first = play.send(message(1, 7));
    let second = play.send(message(2, 7));
    let mut third = play.send(message(3, 7));
    drop(play.called_with(1));
    drop(second);
    drop(first);
    assert!(third.is_woken());
    assert_pending!(third.poll());
    play.called_with(3).send_response(done());
    answered(&mut third);
    assert_eq!(play.layer.queues.len(), 0);
}

/// Its turn had come, and it went without having noticed.
#[test]
fn d8_who_hangs_up_as_its_turn_comes_lets_the_next_on() {
    let mut play = Play::new(SequenceLayer::new());
    let mut first = play.send(message(1, 7));
    let second = play.send(message(2, 7));
    let mut third = play.send(message(3, 7));
    play.called_with(1).send_response(done());
    answered(&mut first);
    assert!(second.is_woken());
    drop(second);
    assert_pending!(third.poll());
    drop(play.called_with(3));
}

#[test]
fn d8_a_handlers_error_ends_its_turn() {
    let mut play = Play::new(SequenceLayer::new());
    let mut first = play.send(message(1, 7));
    let mut second = play.send(message(2, 7));
    play.called_with(1).send_error("no");
    assert_eq!(assert_ready_err!(first.poll()).to_string(), "no");
    assert_pending!(second.poll());
    drop(play.called_with(2));
}

fn panics<S>(sent: &mut Sent<S>) -> bool
where
    S: Service<Update, Response = Response<String>> + Clone,
    S::Error: fmt::Debug,
{
    catch_unwind(AssertUnwindSafe(|| sent.poll())).is_err()
}

#[test]
fn d8_a_panic_lets_the_next_on() {
    let layer = SequenceLayer::new();
    // In the call, and while handling.
    let service = layer.layer(service_fn(|update: Update| {
        let id = update.body().update_id();
        assert_ne!(id % 3, 1, "in the call");
        async move {
            if id == 0 {
                std::future::pending::<()>().await;
            }
            assert_ne!(id % 3, 2, "while handling");
            Ok::<_, Infallible>(done())
        }
    }));
    let first = send(&service, message(0, 7));
    let mut sent: Vec<_> = (1..=6).map(|id| send(&service, message(id, 7))).collect();
    drop(first);
    let sent = sent.drain(..).zip([true, true, false].repeat(2));
    for (mut sent, panicked) in sent {
        assert!(sent.is_woken());
        if panicked {
            assert!(panics(&mut sent));
        } else {
            assert_ready_ok!(sent.poll());
        }
    }
    assert_eq!(layer.queues.len(), 0);
    // The one that needn't wait.
    for id in [1, 2] {
        let mut sent = task::spawn(service.clone().oneshot(message(id, 7)));
        assert!(panics(&mut sent));
    }
    assert_eq!(layer.queues.len(), 0);
}

#[test]
fn d8_d9_only_so_many_wait() {
    let layer = SequenceLayer::new().max_waiting(3).max_waiting_per_key(2);
    let mut play = Play::new(layer);
    let handling = [1, 2, 3].map(|chat| play.send(message(chat, chat)));
    let mut waiting = vec![play.send(message(4, 1)), play.send(message(5, 1))];
    play.refused(message(6, 1));
    waiting.push(play.send(message(7, 2)));
    play.refused(message(8, 2));
    play.refused(message(9, 3));
    // Updates that needn't wait go on.
    let free = [play.send(message(10, 4)), play.send(poll(11))];
    // A request that hangs up makes room.
    drop(waiting.remove(0));
    waiting.push(play.send(message(12, 3)));
    play.refused(message(13, 1));
    assert_eq!(ids(&play.all_called()), [1, 2, 3, 10, 11]);
    drop((handling, waiting, free));
    assert_eq!(play.layer.queues.len(), 0);
}

#[test]
fn d8_by_default_100_wait_for_a_chat_and_1000_in_all() {
    let play = Play::new(SequenceLayer::new());
    let mut sent = Vec::new();
    for chat in 0..10 {
        for id in 0..=100 {
            sent.push(play.send(message(id, chat)));
        }
        play.refused(message(101, chat));
    }
    sent.push(play.send(message(0, 10)));
    play.refused(message(1, 10));
}

#[test]
fn d8_an_idle_chat_is_given_back_with_the_answer() {
    let mut play = Play::new(SequenceLayer::new());
    let mut service = play.service.clone();
    let mut sent: Vec<_> = (0..20_000)
        .map(|id| {
            let mut ready = task::spawn(service.ready());
            let mut sent = task::spawn(assert_ready_ok!(ready.poll()).call(message(id, id)));
            assert_pending!(sent.poll());
            sent
        })
        .collect();
    assert_eq!(play.layer.queues.len(), 20_000);
    for (_, respond) in play.all_called() {
        respond.send_response(done());
    }
    for sent in &mut sent {
        assert_ready_ok!(sent.poll());
    }
    // Their futures are still there.
    assert_eq!(play.layer.queues.len(), 0);
    assert!(play.layer.queues.capacity() <= 1024);
    drop(sent);
}

/// The permit of an update that waits would be missing for those that needn't.
#[test]
fn d8_a_waiting_update_keeps_no_permit_of_the_inner_service() {
    let (below, mut calls) = mock::pair::<Update, Response<String>>();
    let mut service = SequenceLayer::new().layer(ConcurrencyLimit::new(below, 2));
    let mut sent = Vec::new();
    // One service all along: it mustn't keep one either.
    for (id, chat) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        let mut ready = task::spawn(service.ready());
        let future = assert_ready_ok!(ready.poll()).call(message(id, chat));
        drop(ready);
        let mut future = task::spawn(future);
        assert_pending!(future.poll());
        sent.push(future);
    }
    let mut called = || match calls.poll_request() {
        Poll::Ready(Some((update, respond))) => Some((update.body().update_id(), respond)),
        _ => None,
    };
    let (first, fourth) = (called().unwrap(), called().unwrap());
    assert_eq!((first.0, fourth.0), (1, 4));
    // The second's turn comes, and the first's permit is its own.
    first.1.send_response(done());
    assert_ready_ok!(sent[0].poll());
    assert_pending!(sent[1].poll());
    assert_eq!(called().unwrap().0, 2);
}

#[test]
fn d8_an_update_that_has_its_turn_waits_for_the_inner_service() {
    let mut play = Play::new(SequenceLayer::new());
    play.calls.allow(1);
    let mut first = play.send(message(1, 7));
    let respond = play.called_with(1);
    let mut service = play.service.clone();
    // Not ready for the chat's second is not ready for anyone.
    let mut ready = task::spawn(service.ready());
    assert_pending!(ready.poll());
    play.calls.allow(1);
    let mut second = task::spawn(assert_ready_ok!(ready.poll()).call(message(2, 7)));
    assert_pending!(second.poll());
    // The permit that it left is another's.
    let mut other = play.send(message(3, 8));
    let other_respond = play.called_with(3);
    respond.send_response(done());
    answered(&mut first);
    assert_pending!(second.poll());
    play.not_called();
    play.calls.allow(1);
    assert!(second.is_woken());
    assert_pending!(second.poll());
    play.called_with(2).send_response(done());
    assert_ready_ok!(second.poll());
    other_respond.send_response(done());
    answered(&mut other);
}

#[test]
fn d8_an_inner_service_that_wont_get_ready_is_the_error_and_ends_the_turn() {
    let mut play = Play::new(SequenceLayer::new());
    let mut first = play.send(message(1, 7));
    let mut second = play.send(message(2, 7));
    let mut third = play.send(message(3, 7));
    let respond = play.called_with(1);
    play.calls.send_error("broken");
    respond.send_response(done());
    answered(&mut first);
    assert_eq!(assert_ready_err!(second.poll()).to_string(), "broken");
    assert!(third.is_woken());
    assert_pending!(third.poll());
    play.called_with(3).send_response(done());
    answered(&mut third);
    assert_eq!(play.layer.queues.len(), 0);
}
