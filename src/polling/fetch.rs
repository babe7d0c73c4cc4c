//! Calls of getUpdates, and the pauses after those that fail.

use std::{future::Future, pin::Pin, time::Duration};

use super::{
    page::{Element, read_page},
    settings::PollingSettings,
};
use crate::{
    Client,
    client::{ApiRequest, Error, ErrorChain, ErrorKind, Reason},
    methods::{DeleteWebhook, GetUpdates},
    task::backoff::Backoff,
};

/// The most updates that Telegram returns at once.
pub(super) const MAX_LIMIT: u8 = 100;

/// How many conflicts with another getUpdates in a row are waited out.
const MAX_CONFLICTS: u32 = 10;

/// How long a shutdown tries to confirm the last updates.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// The arguments of a call that change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ask {
    /// The call confirms all updates below.
    pub(super) offset: Option<i64>,
    pub(super) limit: u8,
    /// Whether the call may wait at Telegram.
    pub(super) may_wait: bool,
}

#[derive(Debug)]
pub(super) enum PollAnswer {
    Page(Vec<Element>),
    /// The last of the updates that waited when polling started, all of which are dropped.
    Dropped(Vec<Element>),
    WebhookDeleted,
}

pub(super) type PollCall = Pin<Box<dyn Future<Output = Result<PollAnswer, Error>> + Send>>;

/// Makes one call at a time.
pub(super) struct Fetcher {
    settings: PollingSettings,
    is_dropping: bool,
    is_deleting: bool,
    may_delete: bool,
    conflicts: u32,
    backoff: Backoff,
}

impl Fetcher {
    pub(super) fn new(settings: PollingSettings) -> Self {
        Self {
            is_dropping: settings.drop_pending,
            is_deleting: false,
            may_delete: settings.delete_webhook,
            conflicts: 0,
            backoff: Backoff::new(),
            settings,
        }
    }

    /// The next call.
    pub(super) fn call(&self, ask: Ask) -> PollCall {
        let client = self.settings.client.clone();
        if self.is_deleting {
            return Box::pin(async move {
                client.send(DeleteWebhook::new()).await?;
                Ok(PollAnswer::WebhookDeleted)
            });
        }
        if self.is_dropping {
            // Counted from the end: all but the last is dropped.
            let call = GetUpdates::new().offset(-1).limit(1).timeout(0);
            return Box::pin(async move { Ok(PollAnswer::Dropped(fetch(&client, &call).await?)) });
        }
        let timeout = if ask.may_wait {
            i64::try_from(self.settings.timeout.as_secs()).unwrap_or(50)
        } else {
            0
        };
        let mut call = GetUpdates::new()
            .timeout(timeout)
            .limit(i64::from(ask.limit))
            .allowed_updates(self.settings.allowed_updates);
        call.offset = ask.offset;
        Box::pin(async move { Ok(PollAnswer::Page(fetch(&client, &call).await?)) })
    }

    pub(super) fn succeeded(&mut self, answer: &PollAnswer) {
        match answer {
            PollAnswer::Page(_) => {
                self.conflicts = 0;
                self.backoff.reset();
            }
            PollAnswer::Dropped(_) => self.is_dropping = false,
            PollAnswer::WebhookDeleted => {
                self.is_deleting = false;
                // If it is set again, that is on purpose.
                self.may_delete = false;
            }
        }
    }

    /// How long to wait before the next call.
    ///
    /// # Errors
    ///
    /// When no later call can succeed.
    pub(super) fn failed(&mut self, error: Error) -> Result<Duration, Error> {
        if error.kind() == ErrorKind::Api && error.is_conflict() {
            return self.conflicted(error);
        }
        if is_final(&error) {
            return Err(error);
        }
        // A server that asks for no pause may do so each time.
        let asked_for = error.retry_after().filter(|pause| !pause.is_zero());
        let pause = self.backoff.next(asked_for);
        let error = ErrorChain(&error);
        tracing::warn!(%error, ?pause, "getUpdates failed");
        Ok(pause)
    }

    /// A webhook or another program keeps getUpdates from working.
    fn conflicted(&mut self, error: Error) -> Result<Duration, Error> {
        if error.reason() == Some(Reason::WebhookIsSet) {
            if !self.may_delete {
                return Err(error);
            }
            tracing::warn!("a webhook is set, and is deleted as configured");
            self.is_deleting = true;
            return Ok(Duration::ZERO);
        }
        self.conflicts += 1;
        if self.conflicts > MAX_CONFLICTS {
            return Err(error);
        }
        let pause = self.backoff.next(None);
        let error = ErrorChain(&error);
        tracing::warn!(%error, ?pause, "another program calls getUpdates for this bot");
        Ok(pause)
    }

    /// Confirms the last updates, so that Telegram doesn't send them again.
    pub(super) async fn confirm(mut self, offset: i64) {
        let call = GetUpdates::new().offset(offset).limit(1).timeout(0);
        let client = self.settings.client.clone();
        let confirming = async {
            loop {
                let error = match confirm_once(&client, &call).await {
                    Ok(()) => return,
                    Err(error) => error,
                };
                match self.failed(error) {
                    Ok(_) if self.is_deleting => return,
                    Ok(pause) => tokio::time::sleep(pause).await,
                    Err(error) => {
                        let error = ErrorChain(&error);
                        tracing::warn!(%error, "failed to confirm handled updates, they will be fetched again");
                        return;
                    }
                }
            }
        };
        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, confirming).await;
        if confirmed.is_err() {
            tracing::warn!("handled updates not confirmed in time, they will be fetched again");
        }
    }
}

async fn fetch(client: &Client, call: &GetUpdates) -> Result<Vec<Element>, Error> {
    let response = client.call_once(ApiRequest::new(call)?).await?;
    let result = response.result();
    let result = result.ok_or_else(|| Error::decode("a layer returned a file"))?;
    read_page(result).map_err(Error::decode)
}

/// Any response of the Bot API means that the updates are confirmed.
async fn confirm_once(client: &Client, call: &GetUpdates) -> Result<(), Error> {
    client.call_once(ApiRequest::new(call)?).await.map(drop)
}

/// A refusal by the Bot API itself is final, and so is an error before the call is sent. A page of a proxy says
/// nothing about the bot, whatever its status.
fn is_final(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Api => !error.is_retryable(),
        ErrorKind::Invalid | ErrorKind::Encode | ErrorKind::Upload | ErrorKind::Write => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn api(status: u16, words: &str) -> Error {
        Error::api(
            StatusCode::from_u16(status).unwrap(),
            words.into(),
            None,
            None,
        )
    }

    fn fetcher(delete_webhook: bool) -> Fetcher {
        let nobody = tower::service_fn(|_| async { Err(Error::transport("nobody", false)) });
        let polling = super::super::Polling::new(Client::from_service(nobody));
        let mut settings = polling.settings;
        settings.delete_webhook = delete_webhook;
        Fetcher::new(settings)
    }

    #[test]
    fn h4_only_the_bot_apis_own_refusal_is_final() {
        for status in [200, 302, 400, 401, 403, 404, 409, 421, 429, 500, 502] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(
                fetcher(false).failed(Error::http(status)).is_ok(),
                "{status}"
            );
        }
        for (status, is_final) in [
            (400, true),
            (401, true),
            (404, true),
            (429, false),
            (500, false),
        ] {
            assert_eq!(
                fetcher(false).failed(api(status, "x")).is_err(),
                is_final,
                "{status}"
            );
        }
        assert!(fetcher(false).failed(Error::decode("odd")).is_ok());
        assert!(
            fetcher(false)
                .failed(Error::transport("broken", true))
                .is_ok()
        );
        assert!(fetcher(false).failed(Error::invalid("no")).is_err());
    }

    #[test]
    fn g5_a_webhook_in_the_way_is_deleted_once_and_only_where_that_was_asked_for() {
        let webhook = || {
            api(
                409,
                "Conflict: can't use getUpdates method while webhook is active",
            )
        };
        assert!(fetcher(false).failed(webhook()).is_err());
        let mut fetcher = fetcher(true);
        for _ in 0..2 {
            assert_eq!(fetcher.failed(webhook()).unwrap(), Duration::ZERO);
            assert!(fetcher.is_deleting, "until it is known to be deleted");
        }
        fetcher.succeeded(&PollAnswer::WebhookDeleted);
        assert!(!fetcher.is_deleting);
        assert!(fetcher.failed(webhook()).is_err());
    }

    #[test]
    fn h5_another_program_is_waited_for_ten_times_in_a_row() {
        let other = || api(409, "Conflict: terminated by other getUpdates request");
        let mut fetcher = fetcher(false);
        for _ in 0..10 {
            assert!(fetcher.failed(other()).is_ok());
        }
        fetcher.succeeded(&PollAnswer::Page(Vec::new()));
        for _ in 0..10 {
            assert!(fetcher.failed(other()).is_ok());
        }
        assert!(fetcher.failed(other()).is_err());
    }
}
