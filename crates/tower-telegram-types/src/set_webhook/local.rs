//! `setWebhook` for a Bot API server of one's own.

use std::error::Error;

use serde_core::{Serialize, Serializer};

use super::InvalidWebhook;
use crate::{
    method::Method,
    methods::SetWebhook,
    types::{ParseError, Upload},
};

/// [`SetWebhook`] for a [Bot API server](https://core.telegram.org/bots/api#using-a-local-bot-api-server)
/// in local mode, which takes `http`, any port and any address. Made by
/// [`SetWebhook::for_local_server`].
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a method does nothing until it is sent"]
pub struct LocalSetWebhook {
    settings: SetWebhook,
}

impl LocalSetWebhook {
    pub(super) fn new(settings: SetWebhook) -> Self {
        Self { settings }
    }

    /// Finds what the server would refuse: see [`SetWebhook::check_local`].
    ///
    /// # Errors
    ///
    /// As that.
    pub fn check(&self) -> Result<(), InvalidWebhook> {
        self.settings.check_local()
    }
}

/// The parameters.
impl AsRef<SetWebhook> for LocalSetWebhook {
    fn as_ref(&self) -> &SetWebhook {
        &self.settings
    }
}

impl AsRef<Self> for SetWebhook {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Serialize for LocalSetWebhook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.settings.serialize(serializer)
    }
}

impl Method for LocalSetWebhook {
    type Output = bool;
    const NAME: &'static str = SetWebhook::NAME;
    const IDEMPOTENT: bool = SetWebhook::IDEMPOTENT;

    fn uploads(&self) -> Vec<Upload> {
        self.settings.uploads()
    }

    fn validate(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.check()?)
    }

    fn decode(result: &str) -> Result<bool, ParseError> {
        SetWebhook::decode(result)
    }
}
