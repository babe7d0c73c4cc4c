//! The reason of a deferral below the webhook's own layers.

/// The reason of a deferral below the webhook's own layers, in spans and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeferralReason {
    /// The handler, or a service of another crate, deferred it.
    Handler,
    /// tower's `LoadShed` had no room for it.
    Overloaded,
    /// The store of sessions can't be reached.
    SessionStore,
    /// Another update has changed the session meanwhile.
    SessionConflict,
}

impl DeferralReason {
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) const ALL: [Self; 4] = [
        Self::Handler,
        Self::Overloaded,
        Self::SessionStore,
        Self::SessionConflict,
    ];

    /// The word in spans and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Overloaded => "overloaded",
            Self::SessionStore => "session_store_unavailable",
            Self::SessionConflict => "session_conflict",
        }
    }
}
