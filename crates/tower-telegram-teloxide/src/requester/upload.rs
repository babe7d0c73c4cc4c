//! A request that may upload files.

use serde_core::{Serialize, de::DeserializeOwned};
use teloxide::{
    RequestError,
    requests::{MultipartPayload, MultipartRequest, Request},
    types::InputFile,
};

use super::{
    bot::ClientBot,
    request::{self, SendFuture},
    traits::request_traits,
};

/// A request of [`ClientBot`] that may upload files. Awaited, it is sent: through the client, or if a file is uploaded,
/// through teloxide's bot.
#[derive(Clone)]
#[must_use = "a request is sent when it is awaited"]
pub struct ClientUpload<P> {
    bot: ClientBot,
    payload: P,
}

impl<P> ClientUpload<P> {
    pub(super) fn new(bot: &ClientBot, payload: P) -> Self {
        Self {
            bot: bot.clone(),
            payload,
        }
    }
}

/// Whether a file of the payload is uploaded. In the others' place is an identifier or a URL.
fn has_upload(payload: &impl MultipartPayload) -> bool {
    let mut found = false;
    payload.copy_files(&mut |file: InputFile| {
        let text = serde_json::to_value(file);
        let text = text.as_ref().ok().and_then(|value| value.as_str());
        found |= text.is_none_or(|text| text.starts_with("attach://"));
    });
    found
}

impl<P> Request for ClientUpload<P>
where
    P: MultipartPayload + Serialize + Clone + 'static,
    P::Output: DeserializeOwned,
{
    type Err = RequestError;
    type Send = SendFuture<P::Output>;
    type SendRef = SendFuture<P::Output>;

    fn send(self) -> Self::Send {
        if has_upload(&self.payload) {
            let uploads = self.bot.uploads().clone();
            return Box::pin(MultipartRequest::new(uploads, self.payload).send());
        }
        request::call(self.bot.client(), &self.payload)
    }

    fn send_ref(&self) -> Self::SendRef {
        if has_upload(&self.payload) {
            let uploads = self.bot.uploads().clone();
            return Box::pin(MultipartRequest::new(uploads, self.payload.clone()).send_ref());
        }
        request::call(self.bot.client(), &self.payload)
    }
}

request_traits!(ClientUpload, MultipartPayload + Serialize + Clone);
