//! Delivery of updates to the webhook: one attempt after the other until the bot accepts an update.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::{sync::oneshot, task::JoinSet};

use super::{
    attempt::{Attempt, AttemptError},
    pending_update::{PendingUpdate, QueueId},
    raw_request::RawRequest,
    reply,
    request::{self, WebhookRequest},
    sender::{Delivery, Watch},
    session::WebhookSession,
};
use crate::{
    bot_api::call::{Call, Via},
    error::{Error, Exchange, ExchangeOutcome},
    faults::Mishap,
    state::State,
};

/// The longest head in bytes. The server has 4096, and reserves some of them.
const MAX_HEAD: usize = 4068;
/// The number of pieces of a slow request.
const SLOW_PIECES: usize = 8;

/// Sends the updates that are queued for the webhook. Aborting the task also ends the requests being sent.
pub(crate) async fn serve(state: Arc<State>) {
    let mut under_way = JoinSet::new();
    let webhook = &state.webhook;
    loop {
        let mut look_at = None;
        if let Some(session) = webhook.session() {
            let now = webhook.clock.now();
            match webhook.sender.next(&session, now, &state.faults) {
                Ok(delivery) => {
                    under_way.spawn(send(Arc::clone(&state), session, delivery));
                    continue;
                }
                Err(at) => look_at = at,
            }
        }
        tokio::select! {
            () = webhook.sender.changed.notified() => {}
            Some(_) = under_way.join_next() => {}
            () = async {
                match look_at {
                    Some(at) => webhook.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

/// Sends an update once, and decides whether it is done, sent again, or dropped.
async fn send(state: Arc<State>, session: Arc<WebhookSession>, mut delivery: Delivery) {
    let webhook = &state.webhook;
    let (queue, update_id) = (delivery.pending.queue, delivery.pending.id);
    let end = |delivery: Delivery, outcome| {
        webhook.sender.done(queue, webhook.clock.now());
        delivery.end(outcome);
    };
    if delivery.pending.is_over(webhook.clock.now()) {
        return end(delivery, ExchangeOutcome::Dropped);
    }
    let turn = QueueGuard {
        state: &state,
        queue,
    };
    let mishap = state.faults.on_request(update_id, delivery.sent);
    delivery.sent += 1;
    let json = &delivery.pending.json;
    let (mut attempt, reply) = match state.attempt(&session, json, mishap).await {
        Ok(attempt) => attempt,
        Err(error) => {
            turn.pass();
            return end(delivery, ExchangeOutcome::NotSent(error));
        }
    };
    turn.pass();
    if session.record(&attempt) {
        webhook.delete_gone(&session);
    }
    if attempt.error.is_none() {
        delivery.record(attempt);
        delivery.reply = reply.or(delivery.reply);
        if !delivery.is_repeated && state.faults.is_duplicated(update_id) {
            delivery.is_repeated = true;
            return webhook.retry(delivery, &session, Duration::ZERO);
        }
        webhook.queue.record_taken(update_id);
        return end(delivery, ExchangeOutcome::Delivered);
    }
    let wait = delivery.backoff.after(attempt.retry_after);
    attempt.wait = wait;
    delivery.record(attempt);
    if webhook.clock.now() + wait > delivery.pending.ends_at {
        end(delivery, ExchangeOutcome::Dropped);
    } else if delivery.has_no_attempts_left() {
        end(delivery, ExchangeOutcome::Undelivered);
    } else {
        webhook.retry(delivery, &session, wait.min(state.max_wait));
    }
}

/// Releases the queue even if a test's own function panics while it handles the bot's reply.
struct QueueGuard<'a> {
    state: &'a State,
    queue: QueueId,
}

impl QueueGuard<'_> {
    /// Leaves the release to the sender.
    fn pass(self) {
        std::mem::forget(self);
    }
}

impl Drop for QueueGuard<'_> {
    fn drop(&mut self) {
        let webhook = &self.state.webhook;
        webhook.sender.done(self.queue, webhook.clock.now());
    }
}

impl State {
    /// Queues an update for the webhook, and waits for the outcome.
    pub(crate) async fn deliver(&self, update: &Value) -> Result<Exchange, Error> {
        let pending = self.prepare(update)?;
        let (end, ended) = oneshot::channel();
        let watch = Watch {
            attempts: Vec::new(),
            max_attempts: self.max_attempts,
            end,
        };
        let update_id = pending.id;
        self.webhook.deliver(pending, watch)?;
        // This fails if the bot's reply made a test's own function panic.
        let ended = ended.await;
        Ok(ended.unwrap_or_else(|_| Exchange {
            update_id,
            attempts: Vec::new(),
            reply: None,
            outcome: ExchangeOutcome::Stopped,
        }))
    }

    /// Sends an update once, without the queue.
    pub(crate) async fn deliver_once(&self, update: &Value) -> Result<Exchange, Error> {
        let pending = self.prepare(update)?;
        let session = self.webhook.session().ok_or(Error::NoWebhook)?;
        let (mut attempt, reply) = self
            .attempt(&session, &pending.json, Mishap::default())
            .await?;
        if session.record(&attempt) {
            self.webhook.delete_gone(&session);
        }
        if attempt.error.is_some() {
            attempt.wait = attempt.retry_after.unwrap_or_default();
        }
        let is_late = self.webhook.clock.now() + attempt.wait > pending.ends_at;
        let outcome = match &attempt.error {
            None => ExchangeOutcome::Delivered,
            Some(_) if is_late => ExchangeOutcome::Dropped,
            Some(_) => ExchangeOutcome::Undelivered,
        };
        Ok(Exchange {
            update_id: pending.id,
            attempts: vec![attempt],
            reply,
            outcome,
        })
    }

    /// Checks an update and gives it an ID.
    fn prepare(&self, update: &Value) -> Result<PendingUpdate, Error> {
        let update: &Map<_, _> = update.as_object().ok_or(Error::NotAnUpdate)?;
        let update_id = match update.get("update_id") {
            None => self.webhook.queue.next_update_id(),
            Some(id) => id.as_u64().ok_or(Error::NotAnUpdate)?,
        };
        let pending = PendingUpdate::new(update_id, update, self.webhook.clock.now())?;
        self.observe(update);
        Ok(pending)
    }

    /// Sends a request with an update, and executes the method in the response if there is one.
    async fn attempt(
        &self,
        session: &WebhookSession,
        json: &Bytes,
        mishap: Mishap,
    ) -> Result<(Attempt, Option<Call>), Error> {
        let mut request = update_request(session, json.clone())?;
        if let Some(pause) = mishap.pause {
            request = request.in_pieces(SLOW_PIECES, pause);
        }
        if mishap.is_answer_lost {
            request.is_complete = false;
        }
        let (attempt, mut args) = session.attempt(&request, self.limits).await;
        if mishap.is_answer_lost && attempt.status.is_some() {
            let lost = Attempt::failed(AttemptError::Closed, attempt.connection, attempt.elapsed);
            return Ok((lost, None));
        }
        let method = reply::take_method(&mut args).filter(|_| attempt.error.is_none());
        let reply = method.map(|method| {
            let call = Call::new(method, &args, Via::WebhookReply, false);
            self.execute(call, &args).0
        });
        Ok((attempt, reply))
    }

    /// Sends a request that a test made up, once. A method in the response isn't executed.
    pub(crate) async fn post_raw(&self, request: &RawRequest) -> Result<Attempt, Error> {
        let session = self.webhook.session().ok_or(Error::NoWebhook)?;
        Ok(session
            .attempt(&request.build(&session), self.limits)
            .await
            .0)
    }
}

/// The request for an update, if its head isn't too long.
fn update_request(session: &WebhookSession, body: Bytes) -> Result<WebhookRequest, Error> {
    let head = request::head(
        &format!("POST {} HTTP/1.1", session.target()),
        &session.headers(body.len()),
    );
    if head.len() > MAX_HEAD {
        return Err(Error::HeadTooLarge { bytes: head.len() });
    }
    Ok(WebhookRequest::new(head, body))
}
