//! The categories of errors.

/// The category of an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Telegram refused the call: the response has an `error_code`, and usually a description.
    Api,
    /// The response isn't a whole response of the Bot API: a proxy's error page, JSON that breaks off, or more than
    /// 32 MiB.
    Http,
    /// There is no response: the connection couldn't be made, or broke. With a status, it broke while the response
    /// was read.
    Transport,
    /// There was no response in time. With a status, the response began in time and didn't end in time.
    Timeout,
    /// The call wasn't made: the [`Deadline`](crate::webhook::Deadline) in its extensions has passed, or ends
    /// before its turn under the limits on calls. Nothing was sent.
    DeadlineExceeded,
    /// A layer around the client rejected the call, such as tower's load shed.
    Layer,
    /// The call has parameters that can't work, and wasn't sent.
    Invalid,
    /// The call couldn't be encoded, and wasn't sent.
    Encode,
    /// A file couldn't be read for its upload.
    Upload,
    /// A file that a server in local mode has on its disk can't be opened or read here, or isn't below the folder of
    /// [`local_files_at`](crate::client::BotApi::local_files_at). The server's folder is probably not mounted.
    LocalFile,
    /// A downloaded file couldn't be written.
    Write,
    /// The result doesn't have the type that the method returns.
    Decode,
}

impl ErrorKind {
    /// The name of the kind in spans and metrics: `api`, `http`, `transport`, `timeout`, …
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Http => "http",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Layer => "layer",
            Self::Invalid => "invalid",
            Self::Encode => "encode",
            Self::Upload => "upload",
            Self::LocalFile => "local_file",
            Self::Write => "write",
            Self::Decode => "decode",
        }
    }
}
