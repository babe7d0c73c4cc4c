//! The kinds of bodies that contain arguments.

/// The size of all arguments in bytes: JSON, forms, and the fields of a multipart body.
pub(crate) const MAX_ARGUMENTS: usize = 1 << 20;

/// How the server reads the arguments of a body. It depends on a word that the content type *contains*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Json,
    Form,
    Multipart,
    Other,
}

impl BodyKind {
    /// The kind by a content type, which is in lower case.
    pub(crate) fn of(lower_case_content_type: &str) -> Self {
        if lower_case_content_type.contains("multipart/form-data") {
            Self::Multipart
        } else if lower_case_content_type.contains("application/x-www-form-urlencoded") {
            Self::Form
        } else if lower_case_content_type.contains("application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}
