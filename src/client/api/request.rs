//! The request of a call.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use http::Extensions;
use serde_core::Serialize;

use super::{download, expected::Expected, limits};
use crate::{
    Method, Reply,
    client::Error,
    json::{self, Reader, Result as Read, utf8, write_exact},
    methods::{self, GetUpdates},
    types::{ChatId, InputFile, Upload},
};

/// An encoded call of a method: the request that the layers around a client receive. Cheap to clone.
///
/// ```
/// use tower_telegram::{client::ApiRequest, methods::SendMessage};
///
/// let call = ApiRequest::new(&SendMessage::new(42, "hi"))?;
/// assert_eq!(call.method(), "sendMessage");
/// assert_eq!(call.chat_id(), Some(&42.into()));
/// assert_eq!(call.json(), br#"{"chat_id":42,"text":"hi"}"#);
/// // Twice would be two messages.
/// assert!(!call.is_idempotent());
/// # Ok::<(), tower_telegram::client::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiRequest {
    method: Cow<'static, str>,
    target: Target,
    chat_id: Option<ChatId>,
    idempotent: bool,
    server_wait: Duration,
    extensions: Extensions,
    expected: Expected,
}

/// The target of a call: a method, or a file to download.
#[derive(Clone)]
pub(super) enum Target {
    Method { json: Bytes, uploads: Vec<Upload> },
    File { path: Box<str> },
}

impl ApiRequest {
    /// Encodes a call of a method.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::client::ErrorKind::Invalid) when the method's parameters can't work
    /// ([`Method::validate`]), when it uploads more than 50 files, or when its parameters have more than 1 MiB without
    /// the files. [`ErrorKind::Encode`](crate::client::ErrorKind::Encode) when it doesn't serialize to a JSON object,
    /// or has a number that isn't finite, such as `f64::NAN` for a latitude.
    pub fn new<M: Method + ?Sized>(method: &M) -> Result<Self, Error> {
        let with_method = |error: Error| error.with_method(M::NAME.into());
        let valid = method.validate();
        valid.map_err(|reason| with_method(Error::invalid(reason)))?;
        let json = encode(method).map_err(with_method)?;
        let uploads = method.uploads();
        limits::check(&json, &uploads).map_err(with_method)?;
        Ok(Self {
            method: M::NAME.into(),
            target: Target::Method { json, uploads },
            chat_id: method.chat_id().cloned(),
            idempotent: M::IDEMPOTENT,
            server_wait: method.server_wait(),
            extensions: Extensions::new(),
            expected: Expected::Result,
        })
    }

    /// Encodes a call of a method by its name, such as one that this crate doesn't have. The parameters can be anything
    /// that serializes to an object.
    ///
    /// The call is idempotent if the method is ([`is_idempotent`](crate::methods::is_idempotent)). One that this crate
    /// doesn't have isn't repeated when it may have arrived, unless [`idempotent`](Self::idempotent) says that it
    /// can be.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_telegram::client::ApiRequest;
    ///
    /// let call = ApiRequest::raw("sendConfetti", &json!({"chat_id": 42, "color": "red"})).unwrap();
    /// assert_eq!(call.method(), "sendConfetti");
    /// assert_eq!(call.chat_id(), Some(&42.into()));
    /// ```
    ///
    /// # Errors
    ///
    /// When the name isn't ASCII letters and digits, when the parameters aren't an object, or when they have more than
    /// 1 MiB.
    pub fn raw<P>(method: &str, parameters: &P) -> Result<Self, Error>
    where
        P: Serialize + ?Sized,
    {
        Self::raw_with_files(method, parameters, &[])
    }

    /// As [`raw`](Self::raw), with files. Each that is uploaded must be in the parameters too, where it serializes to
    /// `attach://NAME`.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_telegram::{client::ApiRequest, types::InputFile};
    ///
    /// let photo = InputFile::bytes("a.png", &b"..."[..]);
    /// let parameters = json!({"chat_id": 42, "pictures": [{"photo": photo}]});
    /// let call = ApiRequest::raw_with_files("sendGallery", &parameters, &[photo]).unwrap();
    /// assert_eq!(call.uploads().len(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`raw`](Self::raw), and when more than 50 files are uploaded.
    pub fn raw_with_files<P>(
        method: &str,
        parameters: &P,
        files: &[InputFile],
    ) -> Result<Self, Error>
    where
        P: Serialize + ?Sized,
    {
        let with_method = |error: Error| error.with_method(method.to_owned().into());
        let json = encode(parameters).map_err(with_method)?;
        let uploads: Vec<_> = files
            .iter()
            .filter_map(InputFile::as_upload)
            .cloned()
            .collect();
        limits::check(&json, &uploads).map_err(with_method)?;
        Self::from_parts(method.to_owned().into(), json, uploads)
    }

    /// The call of a reply's method, for a reply that can't be the response to an update. `None` for an empty reply.
    ///
    /// # Errors
    ///
    /// When the name of the method isn't ASCII letters and digits. Only [`Reply::raw`] makes such a reply.
    pub fn from_reply(reply: &Reply) -> Result<Option<Self>, Error> {
        let (Some(method), Some(json)) = (reply.method(), reply.parameters()) else {
            return Ok(None);
        };
        let method = match reply.known_method() {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(method.to_owned()),
        };
        let mut request = Self::from_parts(method, json, reply.uploads().to_vec())?;
        request.idempotent = reply.is_idempotent();
        Ok(Some(request))
    }

    fn from_parts(
        method: Cow<'static, str>,
        json: Bytes,
        uploads: Vec<Upload>,
    ) -> Result<Self, Error> {
        // The name becomes a part of the URL.
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::encode(
                "the method's name isn't ascii letters and digits",
            ));
        }
        let chat_id = chat_id(&json);
        let server_wait = server_wait(&method, &json);
        Ok(Self {
            idempotent: methods::is_idempotent(&method),
            method,
            target: Target::Method { json, uploads },
            chat_id,
            server_wait,
            extensions: Extensions::new(),
            expected: Expected::Result,
        })
    }

    /// The download of a file by the `file_path` that getFile returns. For layers its method is `download`, which the
    /// Bot API doesn't have.
    pub fn download(file_path: &str) -> Self {
        Self {
            method: download::METHOD.into(),
            target: Target::File {
                path: file_path.into(),
            },
            chat_id: None,
            idempotent: true,
            server_wait: Duration::ZERO,
            extensions: Extensions::new(),
            expected: Expected::File,
        }
    }

    /// The same call of this method, whose caller reads the result as its type.
    pub(in crate::client) fn typed<M: Method>(self) -> Self {
        Self {
            expected: Expected::result_of::<M>(),
            ..self
        }
    }

    pub(super) fn expected(&self) -> Expected {
        self.expected
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The name of the method, such as `sendMessage`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Takes the parameters out, so that they needn't be copied to be sent.
    pub(super) fn take_json(&mut self) -> Bytes {
        match &mut self.target {
            Target::Method { json, .. } => std::mem::take(json),
            Target::File { .. } => Bytes::new(),
        }
    }

    pub(in crate::client) fn method_name(&self) -> Cow<'static, str> {
        self.method.clone()
    }

    /// The `chat_id` of the call, if it has one.
    pub fn chat_id(&self) -> Option<&ChatId> {
        self.chat_id.as_ref()
    }

    /// Whether the call may be repeated when it may have arrived already, because repeating it changes nothing.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Sets whether the call may be repeated when it may have arrived already. Default: the method's
    /// [`IDEMPOTENT`](Method::IDEMPOTENT).
    ///
    /// An album that a layer repeats after any error that may pass, for a bot that would rather send it twice than not
    /// at all:
    ///
    /// ```
    /// use tower::ServiceExt as _;
    /// use tower_telegram::{
    ///     Client,
    ///     client::{ApiRequest, Error},
    ///     methods::SendMediaGroup,
    ///     types::Message,
    /// };
    ///
    /// async fn send(client: Client, album: SendMediaGroup) -> Result<Vec<Message>, Error> {
    ///     let call = ApiRequest::new(&album)?.idempotent(true);
    ///     let response = client.oneshot(call).await?;
    ///     response.decode::<SendMediaGroup>()
    /// }
    /// ```
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Whether the call can be sent again. It can't be once the reader of one of its uploads has been read.
    pub fn is_replayable(&self) -> bool {
        self.uploads().iter().all(Upload::is_replayable)
    }

    /// How long Telegram may wait before it responds: the `timeout` of getUpdates. Zero for every other method.
    pub fn server_wait(&self) -> Duration {
        self.server_wait
    }

    /// The parameters as a JSON object. An uploaded file is in it as `attach://NAME`.
    pub fn json(&self) -> &[u8] {
        match &self.target {
            Target::Method { json, .. } => json,
            Target::File { .. } => b"{}",
        }
    }

    /// The JSON of one of the parameters, if the call has it.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(in crate::client) fn parameter(&self, name: &str) -> Option<&str> {
        raw_member(self.json(), name)
    }

    /// The files that are uploaded with the call.
    pub fn uploads(&self) -> &[Upload] {
        match &self.target {
            Target::Method { uploads, .. } => uploads,
            Target::File { .. } => &[],
        }
    }

    /// The same call with another `chat_id`.
    ///
    /// # Errors
    ///
    /// When the call has no `chat_id`.
    pub fn with_chat_id(&self, chat_id: impl Into<ChatId>) -> Result<Self, Error> {
        let chat_id = chat_id.into();
        let Target::Method { json, uploads } = &self.target else {
            return Err(Error::encode("a file has no chat"));
        };
        let text = serde_json::to_string(&chat_id).map_err(Error::encode)?;
        let json = replace(json, "chat_id", &text)
            .ok_or_else(|| Error::encode("the call has no chat_id"))?;
        Ok(Self {
            target: Target::Method {
                json,
                uploads: uploads.clone(),
            },
            chat_id: Some(chat_id),
            ..self.clone()
        })
    }

    /// Values that layers attach to the call, such as a [`Deadline`](crate::webhook::Deadline). They aren't sent.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Values that layers attach to the call, to be changed.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

fn encode<P: Serialize + ?Sized>(parameters: &P) -> Result<Bytes, Error> {
    let json =
        write_exact(|json| serde_json::to_writer(json, parameters)).map_err(Error::encode)?;
    if json.first() != Some(&b'{') {
        return Err(Error::encode(
            "the parameters of a method must be an object",
        ));
    }
    Ok(json)
}

/// The JSON of one member of an object.
fn raw_member<'a>(object: &'a [u8], name: &str) -> Option<&'a str> {
    let find = |r: &mut Reader<'a>| -> Read<Option<&'a str>> {
        let mut more = r.open_object()?;
        while more {
            if &*r.key_text()? == name {
                return r.raw().map(Some);
            }
            r.skip()?;
            more = r.next_member()?;
        }
        Ok(None)
    };
    find(&mut Reader::new(utf8(object).ok()?)).ok().flatten()
}

fn chat_id(object: &[u8]) -> Option<ChatId> {
    let chat: ChatId = json::from_str(raw_member(object, "chat_id")?).ok()?;
    // Telegram takes an id in quotes, too.
    chat.to_string().parse().ok()
}

/// How long Telegram may wait before it responds to a call by name. It takes numbers in quotes, too.
fn server_wait(method: &str, json: &[u8]) -> Duration {
    if !method.eq_ignore_ascii_case(GetUpdates::NAME) {
        return Duration::ZERO;
    }
    let timeout = raw_member(json, "timeout").and_then(|raw| raw.trim_matches('"').parse().ok());
    Duration::from_secs(timeout.unwrap_or(0))
}

/// Returns the object with another value in one of its members.
fn replace(object: &Bytes, name: &str, value: &str) -> Option<Bytes> {
    let old = object.slice_ref(raw_member(object, name)?.as_bytes());
    let start = old.as_ptr() as usize - object.as_ptr() as usize;
    let (before, rest) = object.split_at(start);
    let after = &rest[old.len()..];
    Some([before, value.as_bytes(), after].concat().into())
}

/// The method and sizes alone: the parameters may be private messages.
impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRequest")
            .field("method", &self.method)
            .field("length", &self.json().len())
            .field("uploads", &self.uploads().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        IntoReply as _,
        client::ErrorKind,
        methods::{AnswerCallbackQuery, GetMe, SendLocation, SendMessage},
    };

    #[test]
    fn e5_a_reply_becomes_a_call() {
        let reply = SendMessage::new(42, "a,b").into_reply().unwrap();
        let call = ApiRequest::from_reply(&reply).unwrap().unwrap();
        assert_eq!(call.method(), "sendMessage");
        assert_eq!(call.json(), br#"{"chat_id":42,"text":"a,b"}"#);
        assert_eq!(call.chat_id(), Some(&42.into()));
        assert!(!call.is_idempotent());
        let bare = Reply::raw("x", &json!({})).unwrap();
        assert_eq!(
            ApiRequest::from_reply(&bare).unwrap().unwrap().json(),
            b"{}"
        );
        assert!(ApiRequest::from_reply(&Reply::nothing()).unwrap().is_none());
        let odd = Reply::raw("x/y", &json!({})).unwrap();
        assert!(ApiRequest::from_reply(&odd).is_err());
    }

    #[test]
    fn f19_a_number_that_is_not_finite_is_an_error_with_its_method_and_name() {
        for (latitude, longitude, name) in [
            (f64::NAN, 0.0, "latitude"),
            (0.0, f64::NEG_INFINITY, "longitude"),
        ] {
            let error = ApiRequest::new(&SendLocation::new(1, latitude, longitude)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode);
            let line = error.to_string();
            assert!(line.contains("sendLocation"), "{line}");
            assert!(line.contains(name), "{line}");
        }
    }

    #[test]
    fn f4_a_reply_that_is_called_may_be_repeated_like_its_method() {
        let call = |reply: Reply| ApiRequest::from_reply(&reply).unwrap().unwrap();
        assert!(call(AnswerCallbackQuery::new("1").into()).is_idempotent());
        assert!(!call(SendMessage::new(7, "hi").into()).is_idempotent());
        assert!(!call(Reply::raw("sendConfetti", &json!({})).unwrap()).is_idempotent());
        assert!(call(Reply::raw("deleteMessage", &json!({})).unwrap()).is_idempotent());
        let kept = Reply::from(AnswerCallbackQuery::new("1"));
        let json = kept.json().unwrap().clone();
        let restored = Reply::from_parts("answerCallbackQuery", json).unwrap();
        assert!(call(restored).is_idempotent());
    }

    #[test]
    fn f4_a_call_by_its_methods_name_may_be_repeated_like_the_method() {
        for (name, expected) in [
            ("getMe", true),
            ("deleteMessage", true),
            ("setMyCommands", true),
            ("sendMessage", false),
            ("setGameScore", false),
            ("getConfetti", false),
        ] {
            let call = ApiRequest::raw(name, &json!({})).unwrap();
            assert_eq!(call.is_idempotent(), expected, "{name}");
        }
    }

    #[test]
    fn f6_only_the_chat_id_of_a_call_is_replaced() {
        let call = ApiRequest::new(&SendMessage::new(-5, "\"chat_id\":-5")).unwrap();
        let moved = call.with_chat_id(-100_123).unwrap();
        assert_eq!(moved.chat_id(), Some(&(-100_123).into()));
        assert_eq!(
            std::str::from_utf8(moved.json()).unwrap(),
            r#"{"chat_id":-100123,"text":"\"chat_id\":-5"}"#
        );
        let named = moved.with_chat_id("@new").unwrap();
        assert!(named.json().starts_with(br#"{"chat_id":"@new","#));
        let none = ApiRequest::new(&GetMe::new()).unwrap();
        assert!(none.with_chat_id(1).is_err());
    }

    #[test]
    fn getupdates_may_wait_for_its_timeout() {
        let call = ApiRequest::new(&GetUpdates::new().offset(3).timeout(50)).unwrap();
        assert_eq!(call.server_wait(), Duration::from_secs(50));
        let call = ApiRequest::new(&GetUpdates::new()).unwrap();
        assert_eq!(call.server_wait(), Duration::ZERO);
    }

    #[test]
    fn getupdates_by_its_name_may_wait_for_its_timeout_too() {
        let call = |method| ApiRequest::raw(method, &json!({"timeout": 90})).unwrap();
        assert_eq!(call("getUpdates").server_wait(), Duration::from_secs(90));
        assert_eq!(call("GETUPDATES").server_wait(), Duration::from_secs(90));
        assert_eq!(call("sendMessage").server_wait(), Duration::ZERO);
        let in_quotes = ApiRequest::raw("getUpdates", &json!({"timeout": "90"})).unwrap();
        assert_eq!(in_quotes.server_wait(), Duration::from_secs(90));
    }

    #[test]
    fn a_name_other_than_letters_and_digits_is_rejected() {
        for name in ["", "a/b", "get Me", "getMe?x", "é"] {
            assert!(ApiRequest::raw(name, &serde_json::json!({})).is_err());
        }
        assert!(ApiRequest::raw("a", &serde_json::json!([])).is_err());
        let call = ApiRequest::raw("a", &serde_json::json!({"chat_id": "@x"})).unwrap();
        assert_eq!(call.chat_id(), Some(&"@x".into()));
        assert!(!call.is_idempotent());
        let call = ApiRequest::raw("a", &serde_json::json!({"chat_id": "-5"})).unwrap();
        assert_eq!(call.chat_id(), Some(&(-5).into()), "Telegram takes it too");
    }
}
