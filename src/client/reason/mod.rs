//! The reason of a refusal, read from its status and description.

mod phrases;
mod refusal;
#[cfg(test)]
mod tests;

pub use self::refusal::Reason;
use super::Error;

impl Error {
    /// Why Telegram refused the call, or `None` if its description is unknown. See [`Reason`] for an example.
    pub fn reason(&self) -> Option<Reason> {
        if self.migrate_to_chat_id().is_some() {
            return Some(Reason::Migrated);
        }
        phrases::reason_of(self.status()?, self.description()?)
    }
}
