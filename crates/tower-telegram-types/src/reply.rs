//! The reply to an update: no method, or one that Telegram executes.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use serde_core::Serialize;

use crate::{
    json::write_exact,
    method::InlineMethod,
    methods,
    types::{Upload, UploadError},
};

/// The most files that Telegram takes in one request or answer (telegram-bot-api `HttpReader.h`).
const MAX_REPLY_FILES: usize = 50;

/// The reply to an update: empty, or one method that Telegram executes.
///
/// Handlers return any type that is [`IntoReply`]. `Reply` is the type for a handler that returns different methods in
/// different cases.
///
/// ```
/// use tower_telegram::{IntoReply, Reply, methods::SendMessage};
///
/// fn answer(text: Option<&str>) -> Result<Reply, tower_telegram::ReplyError> {
///     match text {
///         Some(text) => SendMessage::new(42, text).into_reply(),
///         None => Ok(Reply::nothing()),
///     }
/// }
/// assert_eq!(answer(Some("hi")).unwrap().method(), Some("sendMessage"));
/// assert_eq!(answer(None).unwrap().method(), None);
/// ```
///
/// See [Making requests when getting updates](https://core.telegram.org/bots/api#making-requests-when-getting-updates).
#[derive(Clone, Debug, Default)]
pub struct Reply(Option<Arc<Payload>>);

#[derive(Clone)]
struct Payload {
    method: Cow<'static, str>,
    /// One object with all of the arguments, `method` first.
    json: Bytes,
    /// Where the parameters begin in it, after the method.
    parameters_at: usize,
    uploads: Vec<Upload>,
    is_idempotent: bool,
    /// The reason why it can't be written, if it was made from a method by `From`.
    error: Option<ReplyError>,
}

impl Payload {
    fn encode<P: Serialize + ?Sized>(
        method: Cow<'static, str>,
        parameters: &P,
        uploads: Vec<Upload>,
    ) -> Result<Self, ReplyError> {
        let mut parameters_at = 0;
        let json = write_exact(|json| {
            json.extend_from_slice(b"{\"method\":");
            let written = serde_json::to_writer(&mut *json, &*method);
            let at = json.len();
            let written = written.and_then(|()| serde_json::to_writer(&mut *json, parameters));
            if let Err(error) = written {
                let why = error.to_string().into();
                return Err(ReplyError::Unwritable { why });
            }
            if json.get(at) != Some(&b'{') {
                return Err(ReplyError::NotAnObject);
            }
            // The parameters' own brace gives way to a comma, or goes where there are none.
            if json.get(at + 1) == Some(&b'}') {
                json.remove(at);
            } else {
                json[at] = b',';
            }
            parameters_at = at;
            Ok(())
        })?;
        Ok(Self {
            is_idempotent: methods::is_idempotent(&method),
            method,
            json,
            parameters_at,
            uploads,
            error: None,
        })
    }
}

impl Reply {
    /// The most that Telegram reads of a reply's arguments, in bytes (telegram-bot-api `HttpReader.h`). A longer reply
    /// breaks the connection, and the update is redelivered.
    pub const MAX_ARGUMENTS: usize = 1 << 20;

    /// The empty reply.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// A reply with a method that Telegram executes.
    ///
    /// # Errors
    ///
    /// When the method can't be written as a JSON object; those of this crate always can.
    pub fn method_call<M: InlineMethod>(method: &M) -> Result<Self, ReplyError> {
        let payload = Payload::encode(M::NAME.into(), method, method.uploads())?;
        Ok(Self::of(Payload {
            is_idempotent: M::IDEMPOTENT,
            ..payload
        }))
    }

    /// A method that this crate doesn't have, with its parameters as anything that serializes to
    /// an object.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_telegram::Reply;
    ///
    /// assert!(Reply::raw("sendConfetti", &json!({"chat_id": 42})).is_ok());
    /// assert!(Reply::raw("getMe", &json!({})).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If Telegram would silently ignore the method in a reply, or the parameters aren't an object.
    pub fn raw<P: Serialize + ?Sized>(method: &str, parameters: &P) -> Result<Self, ReplyError> {
        let lower = method.to_ascii_lowercase();
        let refused = ["", "setwebhook", "deletewebhook", "close", "logout"];
        if refused.contains(&&*lower) || lower.starts_with("get") {
            return Err(ReplyError::Refused {
                method: method.into(),
            });
        }
        let payload = Payload::encode(method.to_owned().into(), parameters, Vec::new())?;
        Ok(Self::of(payload))
    }

    /// Restores a reply without files from its method and its [`json`](Self::json), for a store that
    /// keeps replies; `None` if they aren't a reply's. [`with_uploads`](Self::with_uploads) adds its files.
    pub fn from_parts(method: &str, json: Bytes) -> Option<Self> {
        let name = serde_json::to_string(method).ok()?;
        let rest = json.strip_prefix(b"{\"method\":")?;
        let rest = rest.strip_prefix(name.as_bytes())?;
        serde_json::from_slice::<&serde_json::value::RawValue>(&json).ok()?;
        Some(Self::of(Payload {
            method: method.to_owned().into(),
            parameters_at: json.len() - rest.len(),
            json,
            uploads: Vec::new(),
            is_idempotent: methods::is_idempotent(method),
            error: None,
        }))
    }

    /// The same reply with these files, for a store that keeps replies. The empty reply stays empty.
    ///
    /// ```
    /// use tower_telegram_types::{
    ///     IntoReply, Reply,
    ///     methods::SendDocument,
    ///     types::{InputFile, Upload},
    /// };
    ///
    /// let reply = SendDocument::new(42, InputFile::bytes("a.txt", "content")).into_reply()?;
    /// let upload = &reply.uploads()[0];
    /// let (part_name, file_name) = (upload.part_name(), upload.file_name().to_owned());
    /// let content = upload.bytes().cloned().unwrap();
    ///
    /// let json = reply.json().cloned().unwrap();
    /// let restored = Reply::from_parts("sendDocument", json).unwrap();
    /// let restored = restored.with_uploads([Upload::from_parts(&part_name, file_name, content).unwrap()]);
    /// assert_eq!(restored.uploads(), reply.uploads());
    /// # Ok::<(), tower_telegram_types::ReplyError>(())
    /// ```
    pub fn with_uploads(self, uploads: impl IntoIterator<Item = Upload>) -> Self {
        Self(self.0.map(|payload| {
            let mut payload = Arc::unwrap_or_clone(payload);
            payload.uploads = uploads.into_iter().collect();
            Arc::new(payload)
        }))
    }

    fn of(payload: Payload) -> Self {
        Self(Some(Arc::new(payload)))
    }

    /// The method's name, if it is one of this crate's: then it is one of a fixed set, as labels of metrics
    /// have to be.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_telegram_types::{IntoReply, Reply, methods::SendMessage};
    ///
    /// let known = SendMessage::new(42, "hi").into_reply()?;
    /// assert_eq!(known.known_method(), Some("sendMessage"));
    /// let raw = Reply::raw("sendConfetti", &json!({"chat_id": 42}))?;
    /// assert_eq!(raw.known_method(), None);
    /// # Ok::<(), tower_telegram_types::ReplyError>(())
    /// ```
    pub fn known_method(&self) -> Option<&'static str> {
        match &self.0.as_ref()?.method {
            Cow::Borrowed(name) => Some(name),
            Cow::Owned(_) => None,
        }
    }

    /// The method's name, if there is one.
    pub fn method(&self) -> Option<&str> {
        self.0.as_deref().map(|payload| &*payload.method)
    }

    /// Whether a repeat of the method changes nothing, so that a client may call it again after an error in which it
    /// may have been executed: the method's [`IDEMPOTENT`](crate::Method::IDEMPOTENT). `false` for a [raw](Self::raw)
    /// method and a [restored](Self::from_parts) reply.
    pub fn is_idempotent(&self) -> bool {
        self.0
            .as_deref()
            .is_some_and(|payload| payload.is_idempotent)
    }

    /// The object of the arguments, `method` included, if there is one. Uploads stand in it as
    /// `attach://NAME`.
    pub fn json(&self) -> Option<&Bytes> {
        self.0.as_deref().map(|payload| &payload.json)
    }

    /// The files that are uploaded with the reply.
    pub fn uploads(&self) -> &[Upload] {
        self.0.as_deref().map_or(&[], |payload| &payload.uploads)
    }

    /// Checks the length of the arguments and the number of files.
    ///
    /// # Errors
    ///
    /// [`ReplyError::TooLarge`] over [`MAX_ARGUMENTS`](Self::MAX_ARGUMENTS), [`ReplyError::TooManyFiles`] over 50.
    pub fn check_size(&self) -> Result<(), ReplyError> {
        if let Some(error) = self.0.as_deref().and_then(|payload| payload.error.clone()) {
            return Err(error);
        }
        match self.json().map(Bytes::len) {
            Some(length) if length > Self::MAX_ARGUMENTS => Err(ReplyError::TooLarge { length }),
            _ => match self.uploads().len() {
                files if files > MAX_REPLY_FILES => Err(ReplyError::TooManyFiles { files }),
                _ => Ok(()),
            },
        }
    }

    /// The object of the parameters alone, as in a call of the method; `None` for the empty reply.
    pub fn parameters(&self) -> Option<Bytes> {
        let payload = self.0.as_deref()?;
        let (_, parameters) = payload.json.split_at(payload.parameters_at);
        Some(match parameters.first() {
            Some(b',') => [b"{", &parameters[1..]].concat().into(),
            _ => Bytes::from_static(b"{}"),
        })
    }
}

/// The method and its parameters' names; their values are what people wrote.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("method", &self.method)
            .field("length", &self.json.len())
            .field("uploads", &self.uploads)
            .finish_non_exhaustive()
    }
}

/// A type that a handler may return as the reply.
///
/// `()` is the empty reply. A method that Telegram accepts in a reply, a [`Reply`], and an `Option` of one of these
/// implement it too.
///
/// ```
/// use tower_telegram::{IntoReply, methods::SendMessage};
///
/// assert_eq!(().into_reply()?.method(), None);
/// assert_eq!(SendMessage::new(42, "hi").into_reply()?.method(), Some("sendMessage"));
/// assert_eq!(None::<SendMessage>.into_reply()?.method(), None);
/// # Ok::<_, tower_telegram::ReplyError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer to an update",
    label = "a handler returns `()`, a method that Telegram takes in a reply, a `Reply`, or an `Option` of these",
    note = "a method whose result matters (`get…`), or that Telegram passes over in a reply \
            (`setWebhook`, `deleteWebhook`, `close`, `logOut`), has to be called through the client"
)]
pub trait IntoReply {
    /// The reply.
    ///
    /// # Errors
    ///
    /// If the method can't be written as a JSON object, or its files can't be sent in a reply.
    fn into_reply(self) -> Result<Reply, ReplyError>;
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Ok(Reply::nothing())
    }
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        let payload = self.0.as_deref();
        match payload.and_then(|payload| payload.error.clone()) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}

/// For the arms of a `match` that are different methods.
///
/// A method that can't be written as a JSON object is an error as soon as the reply is used: one of your own, or one of
/// this crate's with a number that is NaN or infinite.
///
/// ```
/// use tower_telegram::{
///     Reply,
///     methods::{SendDice, SendMessage},
/// };
///
/// fn answer(text: &str) -> Reply {
///     match text {
///         "/dice" => SendDice::new(42).into(),
///         text => SendMessage::new(42, text).into(),
///     }
/// }
/// assert_eq!(answer("/dice").method(), Some("sendDice"));
/// ```
impl<M: InlineMethod> From<M> for Reply {
    fn from(method: M) -> Self {
        Self::method_call(&method).unwrap_or_else(|error| {
            Self::of(Payload {
                method: M::NAME.into(),
                json: Bytes::new(),
                parameters_at: 0,
                uploads: Vec::new(),
                is_idempotent: M::IDEMPOTENT,
                error: Some(error),
            })
        })
    }
}

impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        self.map_or_else(|| Ok(Reply::nothing()), IntoReply::into_reply)
    }
}

impl<M: InlineMethod> IntoReply for M {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Reply::method_call(&self)
    }
}

/// The reason why a method can't be the reply to an update.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// Telegram silently ignores this method in a reply.
    Refused {
        /// The method's name.
        method: Box<str>,
    },
    /// The parameters don't serialize to a JSON object.
    NotAnObject,
    /// A parameter can't be written as JSON, such as a number that is NaN or infinite.
    Unwritable {
        /// The reason, with the parameter's name if it is one of this crate's methods.
        why: Box<str>,
    },
    /// The arguments are over [`Reply::MAX_ARGUMENTS`].
    TooLarge {
        /// Their length in bytes.
        length: usize,
    },
    /// The reply has more than 50 files.
    TooManyFiles {
        /// Their number.
        files: usize,
    },
    /// A file of the reply can't be read.
    Upload(Arc<UploadError>),
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { method } => write!(f, "telegram takes no `{method}` in a reply"),
            Self::NotAnObject => f.write_str("the parameters of a method must be an object"),
            Self::Unwritable { why } => {
                write!(f, "a parameter of the method can't be written: {why}")
            }
            Self::TooLarge { length } => write!(
                f,
                "a reply has at most {} bytes of arguments, not {length}",
                Reply::MAX_ARGUMENTS
            ),
            Self::TooManyFiles { files } => {
                write!(
                    f,
                    "a reply has at most {MAX_REPLY_FILES} files, not {files}"
                )
            }
            Self::Upload(_) => f.write_str("a file in a reply can't be read"),
        }
    }
}

impl std::error::Error for ReplyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Upload(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{IntoReply as _, Reply, ReplyError};
    use crate::{
        methods::{
            CreateNewStickerSet, SendDocument, SendLocation, SendMessage, SetChatStickerSet,
        },
        types::{
            InlineKeyboardButton, InlineKeyboardMarkup, InputFile, InputSticker, StickerFormat,
            Upload,
        },
    };

    fn json(reply: &Reply) -> Value {
        serde_json::from_slice(reply.json().unwrap()).unwrap()
    }

    #[test]
    fn e2_one_object_with_the_method_first_and_nested_objects_as_objects() {
        let keyboard = InlineKeyboardMarkup::new(vec![vec![InlineKeyboardButton::new("go")]]);
        let reply = SendMessage::new(42, "a \"b\"\n✨")
            .reply_markup(keyboard)
            .into_reply()
            .unwrap();
        assert!(
            reply
                .json()
                .unwrap()
                .starts_with(b"{\"method\":\"sendMessage\",\"chat_id\":42,")
        );
        assert_eq!(
            json(&reply),
            json!({"method": "sendMessage", "chat_id": 42, "text": "a \"b\"\n✨",
                   "reply_markup": {"inline_keyboard": [[{"text": "go"}]]}})
        );
    }

    #[test]
    fn e4_the_raw_way_refuses_what_telegram_passes_over_in_whatever_case() {
        for method in [
            "",
            "getMe",
            "GETUPDATES",
            "setWebhook",
            "deletewebhook",
            "Close",
            "logOut",
        ] {
            let error = Reply::raw(method, &json!({})).unwrap_err();
            let ReplyError::Refused { method: refused } = error else {
                panic!("{error}");
            };
            assert_eq!(&*refused, method);
        }
        let error = Reply::raw("x", &json!([])).unwrap_err();
        assert!(matches!(error, ReplyError::NotAnObject), "{error}");
        assert_eq!(
            json(&Reply::raw("x", &json!({})).unwrap()),
            json!({"method": "x"})
        );
        let reply = SetChatStickerSet::new("@a", "b").into_reply().unwrap();
        assert_eq!(reply.method(), Some("setChatStickerSet"));
    }

    #[test]
    fn d3_a_reply_is_the_same_after_it_was_kept_elsewhere() {
        let replies = [
            SendMessage::new(42, "a \"b\"").into_reply().unwrap(),
            Reply::raw("odd \"name\"", &json!({})).unwrap(),
        ];
        for reply in replies {
            let (method, json) = (reply.method().unwrap(), reply.json().unwrap());
            let again = Reply::from_parts(method, json.clone()).unwrap();
            assert_eq!(again.method(), reply.method());
            assert_eq!(again.json(), reply.json());
            assert_eq!(again.parameters(), reply.parameters());
        }
        for (method, json) in [
            ("sendMessage", "{\"method\":\"sendPhoto\"}"),
            ("sendMessage", "{\"method\":\"sendMessage\""),
            ("sendMessage", "{\"chat_id\":1}"),
            ("sendMessage", ""),
        ] {
            assert!(Reply::from_parts(method, json.into()).is_none(), "{json}");
        }
    }

    #[test]
    fn d16_a_reply_with_files_is_the_same_after_it_was_kept_elsewhere() {
        let file = InputFile::bytes("a \"b\".txt", vec![0, 255, 10]);
        let reply = SendDocument::new(42, file).into_reply().unwrap();
        let kept = |upload: &Upload| {
            let content = upload.bytes().unwrap().clone();
            Upload::from_parts(&upload.part_name(), upload.file_name(), content).unwrap()
        };
        let uploads: Vec<_> = reply.uploads().iter().map(kept).collect();
        let again = Reply::from_parts("sendDocument", reply.json().unwrap().clone()).unwrap();
        let again = again.with_uploads(uploads);
        assert_eq!(again.uploads(), reply.uploads());
        assert_eq!(
            again.uploads()[0].part_name(),
            reply.uploads()[0].part_name()
        );
        assert_eq!(again.parameters(), reply.parameters());
        assert!(again.uploads()[0].is_replayable());
        // The reply that it was made from keeps its own files, and the empty one has none.
        let none = reply.clone().with_uploads([]);
        assert_eq!((none.uploads().len(), reply.uploads().len()), (0, 1));
        let empty = Reply::nothing().with_uploads(reply.uploads().to_vec());
        assert_eq!((empty.method(), empty.uploads().len()), (None, 0));
        for name in [
            "",
            "file",
            "file-1",
            "file+1",
            "file01",
            "file1 ",
            "FILE1",
            "photo",
            "file18446744073709551616",
        ] {
            assert!(Upload::from_parts(name, "a", "b").is_none(), "{name}");
        }
    }

    /// The limits themselves are inside.
    #[test]
    fn e5_e7_a_reply_has_at_most_a_mib_of_arguments_and_fifty_files() {
        let with_text = |length: usize| {
            SendMessage::new(1, "x".repeat(length))
                .into_reply()
                .unwrap()
        };
        let rest = with_text(0).json().unwrap().len();
        for (more, fits) in [(0, true), (1, false), (1 << 20, false)] {
            let reply = with_text(Reply::MAX_ARGUMENTS - rest + more);
            let length = reply.json().unwrap().len();
            assert_eq!(length, Reply::MAX_ARGUMENTS + more);
            let expected = if fits {
                Ok(())
            } else {
                Err(ReplyError::TooLarge { length })
            };
            assert_eq!(reply.check_size(), expected, "{length}");
        }
        // Escapes and letters of several bytes count as they are sent.
        let wide = SendMessage::new(1, "\u{e9}".repeat(Reply::MAX_ARGUMENTS / 2))
            .into_reply()
            .unwrap();
        assert!(wide.check_size().is_err());
        let escaped = SendMessage::new(1, "\n".repeat(Reply::MAX_ARGUMENTS / 2))
            .into_reply()
            .unwrap();
        assert!(escaped.check_size().is_err());
        let sticker = |n: usize| {
            let file = InputFile::bytes(n.to_string(), vec![0; 100_000]);
            InputSticker::new(file, StickerFormat::Static, ["a"])
        };
        for (files, expected) in [
            (50, Ok(())),
            (51, Err(ReplyError::TooManyFiles { files: 51 })),
        ] {
            let stickers: Vec<_> = (0..files).map(sticker).collect();
            let reply = CreateNewStickerSet::new(1, "a", "b", stickers)
                .into_reply()
                .unwrap();
            assert_eq!(
                reply.check_size(),
                expected,
                "{files} files of 5 MB together"
            );
        }
    }

    #[test]
    fn a6_debug_shows_no_text_of_people() {
        let reply = SendMessage::new(42, "private words").into_reply().unwrap();
        assert!(!format!("{reply:?}").contains("private"));
    }

    /// `serde_json` would write `null`, and Telegram refuse the reply without a word to anyone.
    #[test]
    fn e7_a_number_that_is_not_finite_is_an_error_with_its_name() {
        for (location, field) in [
            (SendLocation::new(1, f64::NAN, 0.0), "latitude"),
            (SendLocation::new(1, 0.0, f64::INFINITY), "longitude"),
            (
                SendLocation::new(1, 0.0, 0.0).horizontal_accuracy(f64::NEG_INFINITY),
                "horizontal_accuracy",
            ),
        ] {
            let why = format!("{field} must be a finite number").into();
            let expected = Err(ReplyError::Unwritable { why });
            let reply = Reply::from(location.clone()).into_reply();
            assert_eq!(location.into_reply().map(drop), expected, "{field}");
            assert_eq!(reply.map(drop), expected, "{field}");
        }
        let reply = SendLocation::new(1, -0.5, 1e-7).into_reply().unwrap();
        let json: Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
        assert_eq!(json["latitude"], -0.5);
    }
}
