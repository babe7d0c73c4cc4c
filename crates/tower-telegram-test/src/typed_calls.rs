//! Calls of the bot as the method types of `tower-telegram-types`.

use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::{call::Call, error::Error, schema, telegram::Telegram};
use tower_telegram_types::Method;

impl Call {
    /// The call as a method, however it was encoded: in JSON, a form or a multipart body. A file that was
    /// uploaded in the field of its own argument stands there as `attach://`.
    ///
    /// `None` if it calls another method, or with arguments that don't fit.
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
    /// The next call of that method that passes the check, waiting until there is one. Each call is given out
    /// once, as with [`wait_for_call`](Self::wait_for_call), beginning with the oldest; those that don't pass
    /// stay for others.
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
    /// [`Error::NoCall`] if none comes within [`patience`](super::TelegramBuilder::patience). It says what happened instead.
    pub async fn wait_for<M>(&self, check: impl Fn(&M) -> bool) -> Result<M, Error>
    where
        M: Method + DeserializeOwned,
    {
        let state = &self.inner.state;
        let find = |call: &Call| call.method_as::<M>().filter(&check);
        state
            .log
            .wait_until(M::NAME, state.patience, true, find)
            .await
    }

    /// All calls of that method up to now, oldest first, without those with arguments that don't fit.
    pub fn calls_of<M: Method + DeserializeOwned>(&self) -> Vec<M> {
        self.calls().iter().filter_map(Call::method_as).collect()
    }
}
