//! A request without files.

use std::{future::Future, pin::Pin, sync::Arc};

use serde_core::{Serialize, de::DeserializeOwned};
use teloxide::{
    RequestError,
    requests::{Payload, Request},
};
use tower::ServiceExt as _;
use tower_telegram::{
    Client,
    client::{ApiRequest, Error},
};

use super::{bot::ClientBot, error::request_error, traits::request_traits};

/// The future of a call: see [`ClientBot`].
pub type SendFuture<T> = Pin<Box<dyn Future<Output = Result<T, RequestError>> + Send>>;

/// A request of [`ClientBot`] that is sent as JSON. Awaited, it is sent.
#[derive(Clone)]
#[must_use = "a request is sent when it is awaited"]
pub struct ClientRequest<P> {
    client: Client,
    payload: P,
}

impl<P> ClientRequest<P> {
    pub(super) fn new(bot: &ClientBot, payload: P) -> Self {
        Self {
            client: bot.client().clone(),
            payload,
        }
    }
}

/// Calls a method with its payload. It is encoded now, and sent when the future is polled.
pub(super) fn call<P>(client: &Client, payload: &P) -> SendFuture<P::Output>
where
    P: Payload + Serialize,
    P::Output: DeserializeOwned,
{
    let call = encode(payload);
    let client = client.clone();
    Box::pin(async move {
        let response = async { client.oneshot(call?).await }.await;
        let response = response.map_err(request_error)?;
        let result = response.result().map_or(&b"null"[..], |result| result);
        serde_json::from_slice(result).map_err(|error| RequestError::InvalidJson {
            source: Arc::new(error),
            raw: whole_response(result),
        })
    })
}

/// The response around a result, which teloxide's own bot has in its error.
fn whole_response(result: &[u8]) -> Box<str> {
    let result = String::from_utf8_lossy(result);
    format!(r#"{{"ok":true,"result":{result}}}"#).into()
}

fn encode<P: Payload + Serialize>(payload: &P) -> Result<ApiRequest, Error> {
    ApiRequest::raw(&method_name(P::NAME), payload)
}

/// teloxide's names begin with a capital, and methods for inline messages have names of their own.
fn method_name(name: &str) -> String {
    let name = name.strip_suffix("Inline").unwrap_or(name);
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

impl<P> Request for ClientRequest<P>
where
    P: Payload + Serialize + 'static,
    P::Output: DeserializeOwned,
{
    type Err = RequestError;
    type Send = SendFuture<P::Output>;
    type SendRef = SendFuture<P::Output>;

    fn send(self) -> Self::Send {
        self.send_ref()
    }

    fn send_ref(&self) -> Self::SendRef {
        call(&self.client, &self.payload)
    }
}

request_traits!(ClientRequest, Payload + Serialize);

#[cfg(test)]
mod tests {
    use super::method_name;

    #[test]
    fn m7_a_method_has_telegrams_name() {
        for (theirs, telegrams) in [
            ("GetMe", "getMe"),
            ("SendMessage", "sendMessage"),
            ("EditMessageTextInline", "editMessageText"),
        ] {
            assert_eq!(method_name(theirs), telegrams);
        }
    }
}
