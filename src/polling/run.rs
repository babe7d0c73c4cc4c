//! Polling at work: fetches updates, has them handled, and confirms them.

use std::{
    collections::HashSet,
    future::{self, Future},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{self, AssertUnwindSafe},
    pin::{Pin, pin},
    sync::Arc,
};

use http::{Request, Response};
use tokio::time::{sleep, sleep_until};
use tower::BoxError;
use tower_service::Service;

use super::{
    age::age,
    attempt::PolledAttempts,
    fetch::{Ask, Fetcher, MAX_LIMIT, PollAnswer, PollCall},
    pace::{AnswerState, Pace, Rest, WindowState},
    page::{Element, UnreadableUpdate},
    settings::PollingSettings,
    window::UpdateWindow,
};
use crate::{
    client::Error,
    runner::{Runner, RunnerEvent},
    webhook::{RawUpdate, ReplyBody},
};

/// Updates with one are handled one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PolledChat {
    /// A private chat has its user's number, so that what a user does elsewhere is in line with it.
    ChatOrUser(i64),
    Update(i64),
}

impl PolledChat {
    fn of(update: &RawUpdate) -> Self {
        match update.chat_id().or_else(|| update.user_id()) {
            Some(id) => Self::ChatOrUser(id),
            None => Self::Update(update.update_id()),
        }
    }
}

pub(super) struct PollingRun<S> {
    settings: PollingSettings,
    attempts: Arc<PolledAttempts<S>>,
    runner: Runner<PolledChat, RawUpdate>,
    window: UpdateWindow,
    fetcher: Fetcher,
    pace: Pace,
    asked: Ask,
    /// The offset that Telegram has seen, by its answer.
    confirmed: Option<i64>,
    /// The elements without a number in the last answer, so that each is told of once.
    told_of: HashSet<u64>,
}

impl<S> PollingRun<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(settings: PollingSettings, service: S) -> Self {
        Self {
            attempts: PolledAttempts::new(&settings, service),
            runner: Runner::new(settings.concurrency),
            window: UpdateWindow::default(),
            fetcher: Fetcher::new(settings.clone()),
            pace: Pace::new(),
            asked: Ask::default(),
            confirmed: None,
            told_of: HashSet::new(),
            settings,
        }
    }

    /// Runs until `shutdown` is ready, or no other call can do better than the last.
    pub(super) async fn until<F>(&mut self, mut shutdown: Pin<&mut F>) -> Result<(), Error>
    where
        F: Future<Output = ()>,
    {
        let mut call: Option<PollCall> = None;
        loop {
            self.start();
            let due = self.pace.due(self.window_state());
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                event = self.runner.next() => self.ended(&event),
                answer = answer_of(&mut call) => {
                    call = None;
                    self.answered(answer)?;
                }
                () = sleep_until(due), if call.is_none() => call = Some(self.call()),
            }
        }
    }

    fn start(&mut self) {
        self.runner.start(|_, update, tries| {
            let attempts = Arc::clone(&self.attempts);
            attempts.attempt(update.clone(), tries)
        });
    }

    fn ended(&mut self, event: &RunnerEvent<PolledChat, RawUpdate>) {
        if let RunnerEvent::Done(_, update) = event {
            self.window.end(update.update_id());
        }
    }

    fn window_state(&self) -> WindowState {
        WindowState {
            has_moved: self.window.offset() != self.asked.offset,
            held_back: self.window.len(),
            open: self.window.open_count(),
        }
    }

    /// Asks for what is new behind what is in hand.
    fn call(&mut self) -> PollCall {
        let in_hand = u8::try_from(self.window.len()).unwrap_or(MAX_LIMIT);
        self.asked = Ask {
            offset: self.window.offset(),
            limit: in_hand.saturating_add(self.settings.limit).min(MAX_LIMIT),
            may_wait: self.window.is_empty(),
        };
        self.pace.call_begins();
        self.fetcher.call(self.asked)
    }

    fn answered(&mut self, answer: Result<PollAnswer, Error>) -> Result<(), Error> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let pause = self.fetcher.failed(error)?;
                self.pace.call_failed(pause);
                return Ok(());
            }
        };
        self.fetcher.succeeded(&answer);
        let state = match answer {
            PollAnswer::Page(elements) => {
                self.confirmed = self.asked.offset;
                self.take(elements)
            }
            PollAnswer::Dropped(elements) => {
                self.drop_all(&elements);
                AnswerState::default()
            }
            PollAnswer::WebhookDeleted => AnswerState::default(),
        };
        self.pace.call_answered(state);
        Ok(())
    }

    /// Takes in hand what is new, in its order, as far as there is room.
    fn take(&mut self, elements: Vec<Element>) -> AnswerState {
        let is_full = elements.len() >= usize::from(MAX_LIMIT);
        let mut state = AnswerState::default();
        let (mut answered, mut told_of) = (Vec::new(), HashSet::new());
        for element in elements {
            let id = match &element {
                Element::Update(update) => Some(update.update_id()),
                Element::Unreadable(unreadable) => unreadable.update_id,
            };
            answered.extend(id);
            if id.is_some_and(|id| self.window.knows(id)) {
                continue;
            }
            match element {
                Element::Update(update) if self.is_too_old(&update) => {
                    self.window.pass_over(update.update_id());
                }
                Element::Update(update) => {
                    let (id, bytes) = (update.update_id(), update.bytes().len());
                    if !self.window.has_room_for(bytes) {
                        // Nothing behind it may begin before it, as it may be of the same chat.
                        state.rest = Rest::HasNoRoom;
                        break;
                    }
                    state.has_new = true;
                    self.window.open(id, bytes);
                    self.runner.push(PolledChat::of(&update), update);
                }
                Element::Unreadable(unreadable) => {
                    if let Some(id) = unreadable.update_id {
                        self.window.pass_over(id);
                        self.tell_of(&unreadable);
                        continue;
                    }
                    let hash = hash(&unreadable.bytes);
                    if told_of.insert(hash) && !self.told_of.contains(&hash) {
                        self.tell_of(&unreadable);
                    }
                }
            }
        }
        self.window.forget_all_done_but(&answered);
        self.told_of = told_of;
        if is_full && state.rest == Rest::Nothing {
            state.rest = Rest::AtTelegram;
        }
        state
    }

    fn is_too_old(&self, update: &RawUpdate) -> bool {
        let Some(max_age) = self.settings.max_age else {
            return false;
        };
        let age = age(update).filter(|age| *age > max_age);
        if let Some(age) = age {
            let (update_id, seconds) = (update.update_id(), age.as_secs());
            tracing::warn!(
                update_id,
                age = seconds,
                "update older than max_age passed over"
            );
        }
        age.is_some()
    }

    /// Calls the hook. Should it panic, the element is passed over all the same.
    fn tell_of(&self, unreadable: &UnreadableUpdate) {
        let UnreadableUpdate {
            update_id, error, ..
        } = unreadable;
        tracing::error!(%error, update_id, "update can't be read, and is passed over");
        if let Some(hook) = &self.settings.on_unreadable
            && panic::catch_unwind(AssertUnwindSafe(|| hook(unreadable))).is_err()
        {
            tracing::error!(update_id, "on_unreadable hook panicked");
        }
    }

    /// The last that waited when polling started is left. It is confirmed by the next call.
    fn drop_all(&mut self, elements: &[Element]) {
        for element in elements {
            let id = match element {
                Element::Update(update) => Some(update.update_id()),
                Element::Unreadable(unreadable) => unreadable.update_id,
            };
            if let Some(id) = id {
                self.window.pass_over(id);
                tracing::info!(update_id = id, "pending updates dropped up to this one");
            }
        }
    }

    /// Waits for what runs, and for what stands before it or before what has ended, as Telegram confirms by order
    /// alone. Then confirms what has ended.
    pub(super) async fn finish(mut self) {
        let running: HashSet<_> = self.runner.running().map(RawUpdate::update_id).collect();
        let must_end = self.window.must_end(|id| running.contains(&id));
        self.runner
            .retain(|update| must_end.contains(&update.update_id()));
        let mut end = pin!(sleep(self.settings.shutdown_timeout));
        while !self.runner.is_empty() {
            self.start();
            tokio::select! {
                biased;
                event = self.runner.next() => self.ended(&event),
                () = &mut end => break,
            }
        }
        let cut_off = self.runner.shutdown().await.len();
        if cut_off > 0 {
            tracing::warn!(
                cut_off,
                "handlers cut off, their updates will be fetched again"
            );
        }
        let offset = self.window.offset();
        if let Some(offset) = offset.filter(|_| offset != self.confirmed) {
            self.fetcher.confirm(offset).await;
        }
    }
}

/// For ever where there is no call.
async fn answer_of(call: &mut Option<PollCall>) -> Result<PollAnswer, Error> {
    match call {
        Some(call) => call.await,
        None => future::pending().await,
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_have_keys_of_their_own_and_the_rest_one_each() {
        let key = |rest: &str| {
            let text = format!(r#"{{"update_id":1,{rest}}}"#);
            PolledChat::of(&RawUpdate::from_bytes(text.into()).unwrap())
        };
        for (rest, expected) in [
            (r#""message":{"chat":{"id":7}}"#, PolledChat::ChatOrUser(7)),
            (
                r#""callback_query":{"from":{"id":9},"message":{"chat":{"id":7}}}"#,
                PolledChat::ChatOrUser(7),
            ),
            (
                r#""inline_query":{"from":{"id":8}}"#,
                PolledChat::ChatOrUser(8),
            ),
            (r#""poll":{"id":"1"}"#, PolledChat::Update(1)),
        ] {
            assert_eq!(key(rest), expected, "{rest}");
        }
    }
}
