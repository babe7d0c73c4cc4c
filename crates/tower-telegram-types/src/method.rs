//! The traits of all Bot API methods.

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
    /// The type of the result.
    type Output: DeserializeOwned + Send + 'static;

    /// Telegram's name for the method.
    const NAME: &'static str;

    /// Whether two calls have the same effect as one. A client may then repeat a call of which it is unknown whether it
    /// arrived.
    const IDEMPOTENT: bool;

    /// Whether [`decode`](Self::decode) fails for each text that isn't the JSON of one value. Where it does, a client
    /// needn't look for the end of the result in a response before it decodes the result.
    #[doc(hidden)]
    const DECODES_ONE_VALUE: bool = false;

    /// The chat that the call goes to, if it names one. Telegram limits the rate of calls by chat. Default: `None`.
    fn chat_id(&self) -> Option<&ChatId> {
        None
    }

    /// The files that are uploaded with the call. Default: none.
    fn uploads(&self) -> Vec<Upload> {
        Vec::new()
    }

    /// How long Telegram may keep the call waiting on purpose, as `getUpdates` does until there are
    /// updates. A client waits for that much longer. Default: zero.
    fn server_wait(&self) -> Duration {
        Duration::ZERO
    }

    /// Checks the parameters before the call is sent. Default: no check.
    ///
    /// # Errors
    ///
    /// If Telegram would refuse the call, or accept it and not do what it says.
    fn validate(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    /// Reads the JSON of a result. Default: as `serde_json` does; the methods of this crate do it
    /// without `serde_json`.
    ///
    /// # Errors
    ///
    /// If it isn't JSON, or doesn't fit `Output`.
    fn decode(result: &str) -> Result<Self::Output, ParseError> {
        serde_json::from_str(result)
            .map_err(|error| ParseError::foreign::<Self::Output>(&error, result, None))
    }
}

/// A method that may be the reply to a webhook request.
///
/// Telegram executes the method and discards its result. So only methods that return `True` or a `Message` implement it,
/// and of these only the ones that Telegram accepts in a reply. See
/// [Making requests when getting updates](https://core.telegram.org/bots/api#making-requests-when-getting-updates).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer to an update",
    label = "not a method that Telegram takes in a webhook reply",
    note = "Telegram throws the result of a reply away, and passes over `get…`, `setWebhook`, \
            `deleteWebhook`, `close` and `logOut` in silence: call it through the client"
)]
pub trait InlineMethod: Method {}
