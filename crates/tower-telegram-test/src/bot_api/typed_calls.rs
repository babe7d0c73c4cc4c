//! The bot's calls as the method types of `tower-telegram-types`.

use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use crate::{error::Error, schema, telegram::Telegram};
use tower_telegram_types::Method;

impl Call {
    /// The call as a method type, from JSON, a form or a multipart body. A file that was uploaded in the
    /// field of its own argument becomes an `attach://` reference.
    ///
    /// `None` for another method, or if the arguments don't fit the type.
    ///
    /// ```
    /// # use tower_telegram_test::Telegram;
    /// # use tower_telegram_types::methods::SendMessage;
    /// # fn example(telegram: &Telegram) {
    /// for call in telegram.calls() {
    ///     if let Some(sent) = call.method_as::<SendMessage>() {
    ///         assert!(sent.reply_markup.is_none());
    ///     }
    /// }
    /// # }
    /// ```
    pub fn method_as<M: Method + DeserializeOwned>(&self) -> Option<M> {
        if !self.is(M::NAME) {
            return None;
        }
        let schema = schema::get();
        let params = match schema.method(M::NAME) {
            Some(method) => schema.read(method, &self.params, &self.files).ok()?,
            None => self.params.clone(),
        };
        serde_json::from_str(&Value::Object(params).to_string()).ok()
    }
}

impl Telegram {
    /// Waits for the next call of that method that passes the check. Like with
    /// [`wait_for_call`](Self::wait_for_call), each call is returned once, beginning with the oldest. Calls
    /// that don't pass stay for other waits.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Error, Telegram};
    /// # use tower_telegram_types::methods::SendMessage;
    /// # async fn example(telegram: Telegram) -> Result<(), Error> {
    /// let sent = telegram.wait_for::<SendMessage>(|call| call.text.contains("Hello")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if there is none within [`wait_timeout`](crate::TelegramBuilder::wait_timeout). It lists
    /// the calls and updates that there were.
    pub async fn wait_for<M>(&self, check: impl Fn(&M) -> bool) -> Result<M, Error>
    where
        M: Method + DeserializeOwned,
    {
        let state = &self.inner.state;
        let find = |call: &Call| call.method_as::<M>().filter(&check);
        state
            .log
            .wait_until(M::NAME, state.wait_timeout, true, find)
            .await
    }

    /// All calls of that method so far, oldest first, without those whose arguments don't fit the type.
    pub fn calls_of<M: Method + DeserializeOwned>(&self) -> Vec<M> {
        self.calls().iter().filter_map(Call::method_as).collect()
    }
}
