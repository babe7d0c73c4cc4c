//! Updates that teloxide could read.

use serde_core::{Deserialize, Deserializer, de::Error as _};
use teloxide::types::{Update, UpdateKind};

/// A teloxide update, for [`Webhook::parse_as`](tower_telegram::webhook::Webhook::parse_as).
///
/// teloxide reads an update that it has no type for as [`UpdateKind::Error`], without its content, and the dispatcher
/// only logs it. Here such an update is an error instead, so that it goes to
/// [`Webhook::on_unreadable`](tower_telegram::webhook::Webhook::on_unreadable) with its JSON, and Telegram is answered
/// with 200.
///
/// ```
/// use tower_telegram_teloxide::TeloxideUpdate;
///
/// let query = r#"{"id":"4","from":{"id":3,"is_bot":false,"first_name":"Ada"},"query":"x","offset":""}"#;
/// let json = format!(r#"{{"update_id":7,"inline_query":{query}}}"#);
/// let update: TeloxideUpdate = serde_json::from_str(&json).unwrap();
/// assert_eq!(update.0.id.0, 7);
///
/// let json = r#"{"update_id":8,"something_new":{}}"#;
/// let error = serde_json::from_str::<TeloxideUpdate>(json).unwrap_err();
/// assert!(error.to_string().starts_with("teloxide has no type for this update"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TeloxideUpdate(pub Update);

impl<'de> Deserialize<'de> for TeloxideUpdate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let update = Update::deserialize(deserializer)?;
        if matches!(update.kind, UpdateKind::Error(_)) {
            return Err(D::Error::custom("teloxide has no type for this update"));
        }
        Ok(Self(update))
    }
}
