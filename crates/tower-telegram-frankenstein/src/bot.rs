//! [`Bot`], which makes frankenstein's calls through a client.

use std::{fmt::Debug, path::PathBuf};

use frankenstein::AsyncTelegramApi;
use serde_core::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tower::ServiceExt as _;
use tower_telegram::{
    Client,
    client::{self, ApiRequest},
};

use crate::{error::Error, files};

/// A bot whose methods are frankenstein's, and whose calls go through a [`Client`] and its layers.
///
/// It has the methods of [`AsyncTelegramApi`], in place of `frankenstein::client_reqwest::Bot`. Cheap to clone.
///
/// A call that may have arrived is repeated by a [`RetryLayer`](tower_telegram::client::RetryLayer) only if its method is
/// [idempotent](tower_telegram::methods::is_idempotent).
///
/// ```no_run
/// use frankenstein::{AsyncTelegramApi as _, methods::SendMessageParams};
/// use tower_telegram::{
///     Client,
///     client::{RateLimitLayer, RetryLayer},
/// };
/// use tower_telegram_frankenstein::{Bot, Error};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder_from_env()?
///     .layer(RetryLayer::new())
///     .layer(RateLimitLayer::new())
///     .build();
/// let bot = Bot::new(client);
///
/// let hello = SendMessageParams::builder().chat_id(42).text("hello").build();
/// match bot.send_message(&hello).await {
///     Ok(sent) => println!("sent {}", sent.result.message_id),
///     Err(Error::Api { response, .. }) => println!("refused: {}", response.description),
///     Err(error) => println!("failed: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a bot does nothing until one of its methods is called"]
pub struct Bot {
    client: Client,
}

impl Bot {
    /// A bot that calls through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn call<Output: DeserializeOwned>(
        &self,
        call: Result<ApiRequest, client::Error>,
    ) -> Result<Output, Error> {
        let call = call?;
        let method = call.method().to_owned();
        let response = self.client.clone().oneshot(call).await?;
        let result = response.result().map_or(&b"null"[..], |result| result);
        // The trait reads the response around the result.
        let whole = [br#"{"ok":true,"result":"#, result, b"}"].concat();
        serde_json::from_slice(&whole).map_err(|error| Error::decode(&method, error))
    }
}

impl From<Client> for Bot {
    fn from(client: Client) -> Self {
        Self::new(client)
    }
}

#[async_trait::async_trait]
impl AsyncTelegramApi for Bot {
    type Error = Error;

    async fn request<Params, Output>(
        &self,
        method: &str,
        params: Option<Params>,
    ) -> Result<Output, Error>
    where
        Params: Serialize + Debug + Send,
        Output: DeserializeOwned,
    {
        let call = match &params {
            Some(params) => ApiRequest::raw(method, params),
            None => ApiRequest::raw(method, &Value::Object(<_>::default())),
        };
        drop(params);
        self.call(call).await
    }

    async fn request_with_form_data<Params, Output>(
        &self,
        method: &str,
        params: Params,
        files: Vec<(&str, PathBuf)>,
    ) -> Result<Output, Error>
    where
        Params: Serialize + Debug + Send,
        Output: DeserializeOwned,
    {
        let plain = ApiRequest::raw(method, &params)?;
        drop(params);
        // It was written by the line before.
        let mut parameters: Value = serde_json::from_slice(plain.json()).map_err(|error| {
            client::Error::from(Box::<dyn std::error::Error + Send + Sync>::from(error))
        })?;
        let uploads = files::attach(&mut parameters, files);
        let call = ApiRequest::raw_with_files(method, &parameters, &uploads);
        self.call(call).await
    }
}
