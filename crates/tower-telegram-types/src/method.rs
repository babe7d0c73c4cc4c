//! What every method of the Bot API has in common.

use std::{error::Error, time::Duration};

use serde_core::{Serialize, de::DeserializeOwned};

use crate::types::{ChatId, ParseError, Upload};

/// A method of the [Bot API](https://core.telegram.org/bots/api#available-methods) with its
/// parameters: it serializes to the object of its parameters, and knows what it returns.
///
/// All methods of the schema have it. Write it for a type of yours to call a method that is newer
/// than this crate:
///
/// ```
/// use tower_telegram::Method;
///
/// #[derive(serde::Serialize)]
/// struct GetWeather {
///     city: String,
/// }
///
/// impl Method for GetWeather {
///     type Output = f64;
///     const NAME: &'static str = "getWeather";
///     const IDEMPOTENT: bool = true;
/// }
/// assert_eq!(GetWeather::decode("21.5").unwrap(), 21.5);
/// ```
pub trait Method: Serialize {
    /// What Telegram returns.
    type Output: DeserializeOwned;

    /// Telegram's name for the method.
    const NAME: &'static str;

    /// Whether calling it twice leaves the same behind as calling it once, so that it may be
    /// repeated when nobody knows whether it arrived.
    const IDEMPOTENT: bool;

    /// The chat that it goes to, where it names one. Telegram limits the rate by chat.
    fn chat_id(&self) -> Option<&ChatId> {
        None
    }

    /// The files that are uploaded with it.
    fn uploads(&self) -> Vec<Upload> {
        Vec::new()
    }

    /// How long Telegram may keep the call waiting on purpose, as `getUpdates` does until there are
    /// updates. A client waits for that much longer. Default: zero.
    fn server_wait(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether the call can work at all, as far as that can be told before it is sent. Default: it
    /// can.
    ///
    /// # Errors
    ///
    /// When Telegram would refuse it, and refusing it here is better.
    fn validate(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    /// Reads the JSON of a result. Default: as `serde_json` does; the methods of this crate do it
    /// without `serde_json`.
    ///
    /// # Errors
    ///
    /// When it isn't JSON, or not an `Output`.
    fn decode(result: &str) -> Result<Self::Output, ParseError> {
        serde_json::from_str(result)
            .map_err(|error| ParseError::foreign::<Self::Output>(&error, result, None))
    }
}

/// A method that may be the answer to a webhook request.
///
/// Telegram carries it out and throws the result away, so only methods whose result says no more
/// than that it worked have it, and of those only the ones that the server takes there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer to an update",
    label = "not a method that Telegram takes in a webhook reply",
    note = "Telegram throws the result of a reply away, and passes over `get…`, `setWebhook`, \
            `deleteWebhook`, `close` and `logOut` in silence: call it through the client"
)]
pub trait InlineMethod: Method {}
