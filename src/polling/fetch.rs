//! Gets the next batch, whatever it takes.

use std::time::Duration;

use bytes::Bytes;

use super::settings::PollingSettings;
use crate::{
    Client,
    client::{ApiRequest, Error},
    json::{self, Reader, Result as Read},
    methods::{DeleteWebhook, GetUpdates},
    task::backoff::Backoff,
    webhook::RawUpdate,
};

/// So many times in a row another getUpdates may be in the way.
const MAX_CONFLICTS: u32 = 10;

pub(super) struct Fetcher<'a> {
    polling: &'a PollingSettings,
    /// Everything below is confirmed by the next call.
    offset: Option<i64>,
    is_confirmed: bool,
    may_delete: bool,
    conflicts: u32,
    backoff: Backoff,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(polling: &'a PollingSettings) -> Self {
        Self {
            polling,
            offset: None,
            is_confirmed: true,
            may_delete: polling.delete_webhook,
            conflicts: 0,
            backoff: Backoff::new(),
        }
    }

    fn client(&self) -> &Client {
        &self.polling.client
    }

    /// All up to and with this one are done.
    pub(super) fn confirm(&mut self, update_id: Option<i64>) {
        if let Some(update_id) = update_id {
            self.offset = Some(update_id.saturating_add(1));
            self.is_confirmed = false;
        }
    }

    /// The next updates, none when the long poll ran out.
    pub(super) async fn next(&mut self) -> Result<Vec<RawUpdate>, Error> {
        loop {
            match self.fetch().await {
                Ok(updates) => {
                    self.is_confirmed = true;
                    self.conflicts = 0;
                    self.backoff.reset();
                    return Ok(updates);
                }
                Err(error) => self.recover(error).await?,
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<RawUpdate>, Error> {
        let polling = self.polling;
        let mut call = GetUpdates::new()
            .timeout(i64::try_from(polling.timeout.as_secs()).unwrap_or(50))
            .limit(i64::from(polling.limit))
            .allowed_updates(polling.allowed_updates);
        call.offset = self.offset;
        let response = self.client().call_once(ApiRequest::new(&call)?).await?;
        split(response.result()).map_err(Error::decode)
    }

    /// Waits until another try may do better.
    async fn recover(&mut self, error: Error) -> Result<(), Error> {
        if error.is_conflict() {
            return self.resolve(error).await;
        }
        if !error.is_retryable() {
            return Err(error);
        }
        let pause = self.backoff.next(error.retry_after());
        tracing::warn!(%error, ?pause, "no updates were fetched");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// A webhook or another program is in the way.
    async fn resolve(&mut self, error: Error) -> Result<(), Error> {
        let text = error.description().unwrap_or_default();
        if text.contains("webhook is active") {
            if !std::mem::take(&mut self.may_delete) {
                return Err(error);
            }
            tracing::warn!("a webhook is set, and deleted as asked for");
            self.client().send(DeleteWebhook::new()).await?;
            return Ok(());
        }
        self.conflicts += 1;
        if self.conflicts > MAX_CONFLICTS {
            return Err(error);
        }
        let pause = self.backoff.next(None);
        tracing::warn!(%error, ?pause, "another program fetches this bot's updates");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Tells Telegram what was done, so that it doesn't come again.
    pub(super) async fn finish(self) {
        const PATIENCE: Duration = Duration::from_secs(10);

        let Some(offset) = self.offset.filter(|_| !self.is_confirmed) else {
            return;
        };
        let call = GetUpdates::new().offset(offset).limit(1).timeout(0);
        let confirmed = tokio::time::timeout(PATIENCE, self.client().send(call)).await;
        if let Ok(Err(error)) = confirmed {
            tracing::warn!(%error, "what was handled last isn't confirmed, and will come again");
        } else if confirmed.is_err() {
            tracing::warn!("what was handled last isn't confirmed in time, and will come again");
        }
    }
}

/// The elements of an array of updates, not copied. What isn't an update is passed over, as it would
/// come again for ever.
fn split(result: &Bytes) -> Result<Vec<RawUpdate>, crate::types::ParseError> {
    let mut r = Reader::new(json::utf8(result)?);
    let mut updates = Vec::new();
    match read_elements(&mut r, result, &mut updates) {
        Ok(()) => Ok(updates),
        Err(_) => Err(r.into_error()),
    }
}

fn read_elements(r: &mut Reader<'_>, result: &Bytes, into: &mut Vec<RawUpdate>) -> Read<()> {
    let mut more = r.open_array()?;
    while more {
        let element = result.slice_ref(r.raw()?.as_bytes());
        match RawUpdate::from_bytes(element) {
            Ok(update) => into.push(update),
            Err(error) => tracing::error!(%error, "what Telegram sent isn't an update"),
        }
        more = r.next_element()?;
    }
    r.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_into_its_updates() {
        let text = r#"[{"update_id":1,"poll":{}}, {"x":1} ,{"update_id":3,"message":{"a":[1]}}]"#;
        let updates = split(&Bytes::from_static(text.as_bytes())).unwrap();
        let ids: Vec<_> = updates.iter().map(RawUpdate::update_id).collect();
        assert_eq!(ids, [1, 3]);
        assert_eq!(
            &updates[1].bytes()[..],
            br#"{"update_id":3,"message":{"a":[1]}}"#
        );
        assert!(split(&Bytes::from_static(b"{}")).is_err());
        assert!(split(&Bytes::from_static(b"[]")).unwrap().is_empty());
    }
}
