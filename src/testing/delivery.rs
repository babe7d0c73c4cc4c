//! Sending updates: again and again until the bot takes them, as Telegram does.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::{
    Error,
    call::{Call, Via},
    exchange::{Attempt, Exchange, Outcome},
    json,
    queue::MAX_UPDATE,
    raw::RawRequest,
    reply,
    session::Session,
    state::{State, now},
    wire::{self, Request},
};

const MAX_HEAD: usize = 4096;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl State {
    /// Sends an update until it is delivered, dropped or stopped, at most `attempts` times.
    pub(super) async fn deliver(&self, update: Value, attempts: usize) -> Result<Exchange, Error> {
        let Value::Object(update) = update else {
            return Err(Error::NotAnUpdate);
        };
        let update_id = match update.get("update_id") {
            None => self.webhook.queue.next_update_id(),
            Some(id) => id.as_u64().ok_or(Error::NotAnUpdate)?,
        };
        let body = json::update(update_id, &update);
        if body.len() > MAX_UPDATE {
            return Err(Error::UpdateTooLarge { bytes: body.len() });
        }
        let body = Bytes::from(body);
        self.observe(&update);

        let mut webhook = self.webhook.subscribe();
        let _pending = Pending::new(self);
        let started = Instant::now();
        let life = life(&update);
        let mut back_off = BackOff::default();
        let mut exchange = Exchange {
            update_id,
            attempts: Vec::new(),
            reply: None,
            outcome: Outcome::Stopped,
        };
        loop {
            let Some(session) = webhook.borrow_and_update().clone() else {
                if exchange.attempts.is_empty() {
                    return Err(Error::NoWebhook);
                }
                return Ok(exchange);
            };
            let request = update_request(&session, body.clone())?;
            let (mut attempt, mut args) = session.attempt(&request, self.limits).await;
            let Some(error) = &attempt.error else {
                exchange.attempts.push(attempt);
                exchange.outcome = Outcome::Delivered;
                if let Some(method) = reply::take_method(&mut args) {
                    let call = Call::new(method, &args, Via::WebhookReply, false);
                    let (call, _) = self.execute(call, &args);
                    exchange.reply = Some(call);
                }
                return Ok(exchange);
            };
            session.note_error(error);
            attempt.wait = back_off.after(attempt.retry_after);
            let wait = attempt.wait;
            exchange.attempts.push(attempt);
            if started.elapsed() + wait > life {
                exchange.outcome = Outcome::Dropped;
                return Ok(exchange);
            }
            if exchange.attempts.len() >= attempts {
                exchange.outcome = Outcome::GaveUp;
                return Ok(exchange);
            }
            tokio::select! {
                () = sleep(wait.min(self.max_wait)) => {}
                // Deleted: the loop ends. Set anew: what is pending goes there at once.
                _ = webhook.changed() => {}
            }
        }
    }

    /// Sends a request as a test made it up, once. What the bot replies is not carried out.
    pub(super) async fn post_raw(&self, request: &RawRequest) -> Result<Attempt, Error> {
        let session = self.webhook.session().ok_or(Error::NoWebhook)?;
        Ok(session
            .attempt(&request.build(&session), self.limits)
            .await
            .0)
    }
}

fn update_request(session: &Session, body: Bytes) -> Result<Request, Error> {
    let head = wire::head(
        &format!("POST {} HTTP/1.1", session.target()),
        &session.headers(body.len()),
    );
    if head.len() > MAX_HEAD {
        return Err(Error::HeadTooLarge { bytes: head.len() });
    }
    Ok(Request::new(head, body))
}

/// Counts an update as pending while it is on its way, even if nobody waits for the end.
struct Pending<'a>(&'a State);

impl<'a> Pending<'a> {
    fn new(state: &'a State) -> Self {
        state.webhook.pending.fetch_add(1, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.webhook.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The waits between attempts: none after the first failure, then 2, 4, 8 … 64 seconds.
#[derive(Debug)]
struct BackOff {
    delay: Duration,
    failures: u32,
}

impl Default for BackOff {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            failures: 0,
        }
    }
}

impl BackOff {
    /// Telegram's bound is drawn from 60 to 120 for each wait; here it is the middle.
    const MAX: Duration = Duration::from_secs(90);

    /// A `Retry-After` is waited for instead, and doesn't make the later waits longer.
    fn after(&mut self, retry_after: Option<Duration>) -> Duration {
        let wait = match retry_after {
            Some(wait) => wait,
            None if self.failures == 0 => Duration::ZERO,
            None => {
                self.delay = (self.delay * 2).min(Self::MAX);
                self.delay
            }
        };
        self.failures += 1;
        wait
    }
}

/// How long Telegram keeps an update, from now on.
fn life(update: &Map<String, Value>) -> Duration {
    let Some((kind, payload)) = update.iter().find(|(key, _)| *key != "update_id") else {
        return DAY;
    };
    match kind.as_str() {
        "inline_query" => Duration::from_secs(30),
        "callback_query" | "shipping_query" | "pre_checkout_query" => Duration::from_secs(150),
        "chosen_inline_result" => Duration::from_secs(600),
        // A message's day starts when it was written or edited.
        kind if kind.ends_with("message") || kind.ends_with("channel_post") => {
            let date = payload["edit_date"]
                .as_u64()
                .or_else(|| payload["date"].as_u64());
            let age = date.map_or(0, |date| now().saturating_sub(date));
            DAY.saturating_sub(Duration::from_secs(age))
        }
        _ => DAY,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..9).map(|_| back_off.after(None).as_secs()).collect();
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 90, 90]);
    }

    #[test]
    fn retry_after_does_not_grow_the_back_off() {
        let mut back_off = BackOff::default();
        assert_eq!(back_off.after(Some(seconds(7))), seconds(7));
        assert_eq!(back_off.after(Some(seconds(7))), seconds(7));
        assert_eq!(back_off.after(None), seconds(2));
    }

    #[test]
    fn each_type_has_its_life() {
        let life = |update: Value| life(update.as_object().unwrap());
        assert_eq!(
            life(json!({"update_id": 1, "inline_query": {}})),
            seconds(30)
        );
        assert_eq!(life(json!({"callback_query": {}})), seconds(150));
        assert_eq!(life(json!({"chosen_inline_result": {}})), seconds(600));
        assert_eq!(life(json!({"poll": {}})), DAY);
        assert_eq!(life(json!({"message": {"date": 0}})), Duration::ZERO);
    }
}
