//! A `reqwest::Client` that can be replaced while calls are being made with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client::ErrorChain;

/// The client that calls are made with. It is replaced once one of its idle connections is about to be closed,
/// because reqwest can't close a single one.
pub(super) struct ReplaceableClient {
    current: Mutex<NumberedClient>,
    settings: Box<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>,
}

#[derive(Clone)]
pub(super) struct NumberedClient {
    /// How many clients there were before this one.
    pub(super) number: u64,
    pub(super) client: reqwest::Client,
}

impl ReplaceableClient {
    pub(super) fn new<F>(settings: F) -> reqwest::Result<Self>
    where
        F: Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
    {
        let first = NumberedClient {
            number: 0,
            client: settings().build()?,
        };
        Ok(Self {
            current: Mutex::new(first),
            settings: Box::new(settings),
        })
    }

    /// A handle of the present client.
    pub(super) fn current(&self) -> NumberedClient {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, NumberedClient> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has later calls made with a new client, unless the one with this number was replaced already.
    pub(super) fn replace(&self, number: u64) {
        if self.lock().number != number {
            return;
        }
        // Not under the lock: it may read the system's certificates.
        let client = match (self.settings)().build() {
            Ok(client) => client,
            Err(error) => {
                let error = error.without_url();
                let error = ErrorChain(&error);
                tracing::warn!(%error, "failed to replace a reqwest client: a call may use a closed connection");
                return;
            }
        };
        let mut current = self.lock();
        if current.number == number {
            *current = NumberedClient {
                number: number + 1,
                client,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReplaceableClient;

    #[test]
    fn f17_two_responses_of_one_client_replace_it_once() {
        // Another package of the workspace may have reqwest built with TLS and without the cryptography for it.
        #[cfg(feature = "client")]
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = ReplaceableClient::new(reqwest::Client::builder).unwrap();
        assert_eq!(client.current().number, 0);
        client.replace(0);
        client.replace(0);
        assert_eq!(client.current().number, 1);
        client.replace(1);
        assert_eq!(client.current().number, 2);
    }
}
