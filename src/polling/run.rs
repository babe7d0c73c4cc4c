//! The loop of polling: fetches updates, starts attempts, and confirms the done ones.

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
    attempt::PolledAttempts,
    fetch::{Ask, Fetcher, MAX_LIMIT, PollAnswer, PollCall},
    pace::{AnswerState, Pace, Rest, WindowState},
    page::{Element, UnreadableUpdate},
    settings::PollingSettings,
    window::UpdateWindow,
};
use crate::{
    client::{Error, ErrorChain},
    runner::{RECORD_TIME, Runner, RunnerEvent, RunnerJob},
    webhook::{RawUpdate, ReplyBody, update::age},
};

/// The key of updates that are handled one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PolledChat {
    /// A private chat has its user's number, so that a user's other updates are in order with it.
    ChatOrUser(i64),
    Update(i64),
}

impl PolledChat {
    fn of(update: &RawUpdate) -> Self {
        match update.chat_or_user_id() {
            Some(id) => Self::ChatOrUser(id),
            None => Self::Update(update.update_id()),
        }
    }
}

impl RunnerJob for RawUpdate {
    fn log_panic(&self) {
        let update_id = self.update_id();
        tracing::error!(update_id, "attempt panicked outside its handler");
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
    /// The offset that Telegram has received, by its response.
    confirmed: Option<i64>,
    /// Hashes of the elements without a number in the last response, so that each is reported once.
    reported: HashSet<u64>,
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
            reported: HashSet::new(),
            settings,
        }
    }

    /// Runs until `shutdown` is ready, or no later call can succeed.
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

    /// The next call: for the open updates and new ones behind them.
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

    /// Opens the new updates in their order while there is room.
    fn take(&mut self, elements: Vec<Element>) -> AnswerState {
        let is_full = elements.len() >= usize::from(MAX_LIMIT);
        let mut state = AnswerState::default();
        let (mut answered, mut reported) = (Vec::new(), HashSet::new());
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
                    self.window.skip(update.update_id());
                }
                Element::Update(update) => {
                    let (id, bytes) = (update.update_id(), update.bytes().len());
                    if !self.window.has_room_for(bytes) {
                        // No update behind it may begin before it, because it may be of the same chat.
                        state.rest = Rest::HasNoRoom;
                        break;
                    }
                    state.has_new = true;
                    self.window.open(id, bytes);
                    self.runner.push(PolledChat::of(&update), update);
                }
                Element::Unreadable(unreadable) => {
                    if let Some(id) = unreadable.update_id {
                        self.window.skip(id);
                        self.report(&unreadable);
                        continue;
                    }
                    let hash = hash(&unreadable.bytes);
                    if reported.insert(hash) && !self.reported.contains(&hash) {
                        self.report(&unreadable);
                    }
                }
            }
        }
        self.window.forget_all_done_but(&answered);
        self.reported = reported;
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
                "update older than max_age skipped"
            );
        }
        age.is_some()
    }

    /// Logs an element and calls the hook. If that panics, the element is skipped nevertheless.
    fn report(&self, unreadable: &UnreadableUpdate) {
        let UnreadableUpdate {
            update_id, error, ..
        } = unreadable;
        let error = ErrorChain(error);
        tracing::error!(%error, update_id, "unreadable update skipped");
        if let Some(hook) = &self.settings.on_unreadable
            && panic::catch_unwind(AssertUnwindSafe(|| hook(unreadable))).is_err()
        {
            tracing::error!(update_id, "on_unreadable hook panicked");
        }
    }

    /// Skips the last of the updates that waited when polling started. The next call confirms it.
    fn drop_all(&mut self, elements: &[Element]) {
        for element in elements {
            let id = match element {
                Element::Update(update) => Some(update.update_id()),
                Element::Unreadable(unreadable) => unreadable.update_id,
            };
            if let Some(id) = id {
                self.window.skip(id);
                tracing::info!(update_id = id, "pending updates dropped up to this one");
            }
        }
    }

    /// Waits for the handlers that run, and has the updates before running and done ones handled, because Telegram
    /// confirms by order alone. Then confirms the done updates.
    pub(super) async fn finish(mut self) {
        self.attempts.stop_repeats();
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
        if self.attempts.cut_off_replies() {
            for event in self.runner.settle(RECORD_TIME).await {
                self.ended(&event);
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
        self.attempts.left_running_ended(end.deadline()).await;
    }
}

/// Waits for the call's response; for ever if there is no call.
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
