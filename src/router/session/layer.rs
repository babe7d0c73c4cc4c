//! `SessionLayer`, which reads and stores the sessions of a route's handlers.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use serde_core::{Serialize, de::DeserializeOwned};
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    key::SessionKey,
    slot::{LoadedSession, SessionBasis, SessionChange, SessionSlot, StillHeld},
    store::{SessionError, SessionStore},
    text::{SessionText, VersionedJson},
};
use crate::{
    IntoReply, Reply, ReplyError,
    client::ErrorChain,
    router::function::encode_reply,
    types::Update,
    webhook::{Failure, ReplyBody, outcome::unsent},
};

/// Gives handlers their [`Session`](super::Session), and stores those that they change. See the [module](super).
///
/// ```
/// use std::time::Duration;
///
/// use serde::{Deserialize, Serialize};
/// use tower_telegram::router::{
///     Router,
///     session::{MemorySessions, Session, SessionKey, SessionLayer},
/// };
///
/// #[derive(Default, Deserialize, Serialize)]
/// struct Settings {
///     language: String,
/// }
///
/// async fn german(mut settings: Session<Settings>) {
///     settings.language = "de".into();
/// }
///
/// let sessions = SessionLayer::<Settings, _>::new(MemorySessions::new())
///     .key(SessionKey::User)
///     .expires_after(Duration::from_secs(365 * 24 * 60 * 60))
///     .version(2)
///     // Version 1 was the language alone.
///     .migrate(|version, json| {
///         let language = serde_json::from_str(json).ok().filter(|_| version == 1)?;
///         Some(Settings { language })
///     });
/// let router: Router = Router::new().command("german", german).layer(sessions);
/// ```
pub struct SessionLayer<T, St> {
    store: St,
    settings: Arc<SessionSettings<T>>,
}

struct SessionSettings<T> {
    name: Box<str>,
    key: SessionKey,
    expires_after: Duration,
    version: u32,
    migrate: Option<Arc<MigrateSession<T>>>,
}

type MigrateSession<T> = dyn Fn(u32, &str) -> Option<T> + Send + Sync;

impl<T> SessionSettings<T> {
    /// The key with the layer's name before it. The update's own key has no `/`, so names can't overlap.
    fn named(&self, key: &str) -> String {
        match &*self.name {
            "" => key.to_owned(),
            name => format!("{name}/{key}"),
        }
    }
}

impl<T> Clone for SessionSettings<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            migrate: self.migrate.clone(),
            ..*self
        }
    }
}

impl<T, St: Clone> Clone for SessionLayer<T, St> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<T, St> fmt::Debug for SessionLayer<T, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("type", &std::any::type_name::<T>())
            .field("key", &self.settings.key)
            .field("expires_after", &self.settings.expires_after)
            .field("version", &self.settings.version)
            .finish_non_exhaustive()
    }
}

impl<T, St: SessionStore> SessionLayer<T, St> {
    /// A session for each chat, of version 0, that expires 30 days after its last change.
    pub fn new(store: St) -> Self {
        let settings = SessionSettings {
            name: Box::default(),
            key: SessionKey::Chat,
            expires_after: Duration::from_secs(30 * 24 * 60 * 60),
            version: 0,
            migrate: None,
        };
        Self {
            store,
            settings: Arc::new(settings),
        }
    }

    /// A name that keeps the sessions of this layer apart from those of another layer over the same store.
    /// Default: none. Under a new name all sessions start from the default.
    ///
    /// Any text may be a name.
    pub fn name(self, name: &str) -> Self {
        self.with(|settings| settings.name = name.into())
    }

    /// The owner of each session. Default: the chat.
    pub fn key(self, key: SessionKey) -> Self {
        self.with(|settings| settings.key = key)
    }

    /// The time without a change after which a session expires. Default: 30 days. Reading it is no change.
    pub fn expires_after(self, time: Duration) -> Self {
        self.with(|settings| settings.expires_after = time)
    }

    /// The version of `T`: raise it with each change of its JSON that serde can't read. Default: 0.
    pub fn version(self, version: u32) -> Self {
        self.with(|settings| settings.version = version)
    }

    /// Converts a session that was stored by another version, from that version and its JSON. With `None` the
    /// session starts from the default. Default: `None` for each version.
    pub fn migrate(self, migrate: impl Fn(u32, &str) -> Option<T> + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.migrate = Some(Arc::new(migrate)))
    }

    fn with(self, change: impl FnOnce(&mut SessionSettings<T>)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        change(&mut settings);
        Self {
            store: self.store,
            settings: Arc::new(settings),
        }
    }
}

impl<S, T, St: Clone> Layer<S> for SessionLayer<T, St> {
    type Service = SessionService<S, T, St>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`SessionLayer`].
#[derive(Debug)]
pub struct SessionService<S, T, St> {
    inner: S,
    layer: SessionLayer<T, St>,
}

impl<S, T, St> SessionService<S, T, St> {
    inner_accessors!();
}

impl<S: Clone, T, St: Clone> Clone for SessionService<S, T, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, T, St> Service<Request<Update>> for SessionService<S, T, St>
where
    S: Service<Request<Update>, Error: Into<BoxError>, Future: Send + 'static>,
    S::Response: IntoReply,
    T: Serialize + DeserializeOwned + Send + 'static,
    St: SessionStore,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = SessionFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Update>) -> Self::Future {
        let bot = request.extensions().get().copied();
        let key = self.layer.settings.key.of(bot, request.body());
        let Some(key) = key else {
            let handling = self.inner.call(request);
            return SessionFuture::new(
                async move { encode_reply(handling.await.map_err(Into::into)?) },
            );
        };
        let stored = StoredAt {
            layer: self.layer.clone(),
            key: self.layer.settings.named(&key).into(),
            update_id: request.body().update_id,
            session: PhantomData,
        };
        let loaded = stored.clone();
        let slot = SessionSlot::new(move || {
            let stored = loaded.clone();
            Box::pin(async move { stored.load().await })
        });
        request.extensions_mut().insert(slot.clone());
        let handling = self.inner.call(request);
        SessionFuture::new(async move {
            let reply = encode_reply(handling.await.map_err(Into::into)?)?;
            match slot.change() {
                Ok(Some((change, basis))) => {
                    // After a reply that can't be sent, the handler runs again.
                    check(&reply).await.map_err(|error| unsent(&error))?;
                    stored.save(change, basis).await.map_err(failure)?;
                }
                Ok(None) => {}
                Err(StillHeld) => stored.warn_of_held_session(),
            }
            Ok(reply)
        })
    }
}

/// Whether a reply isn't too long, and the files at its paths can be opened.
async fn check(reply: &Reply) -> Result<(), ReplyError> {
    if ReplyBody::needs_opening(reply) {
        return ReplyBody::open_and_respond(reply.clone()).await.map(drop);
    }
    reply.check_size()
}

/// A session that can't be encoded never can be, so the handler doesn't run again for it. A store that is down,
/// or another update that changed the session first, is no fault of this update.
fn failure(error: SessionError) -> BoxError {
    let failure = match error.deferral_reason() {
        Some(reason) => Failure::deferral_for(reason, error),
        None => Failure::permanent(error),
    };
    failure.into()
}

/// One session's place in the store.
struct StoredAt<T, St> {
    layer: SessionLayer<T, St>,
    key: Arc<str>,
    /// The update for which it is read.
    update_id: i64,
    session: PhantomData<fn() -> T>,
}

impl<T, St: Clone> Clone for StoredAt<T, St> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            key: Arc::clone(&self.key),
            update_id: self.update_id,
            session: PhantomData,
        }
    }
}

impl<T, St> StoredAt<T, St>
where
    T: Serialize + DeserializeOwned,
    St: SessionStore,
{
    async fn load(&self) -> Result<LoadedSession<T>, SessionError> {
        let stored = self.layer.store.load(&self.key).await;
        let stored = stored.inspect_err(|error| self.log_failure(error))?;
        let text = stored
            .as_ref()
            .and_then(|stored| SessionText::read(&stored.value));
        if stored.is_some() && text.is_none() {
            let update_id = self.update_id;
            tracing::warn!(update_id, "stored session unreadable, using the default");
        }
        let found = text.and_then(|text| text.for_update(self.update_id));
        Ok(LoadedSession {
            session: found.and_then(|found| self.read(found)),
            basis: SessionBasis {
                revision: stored.as_ref().map(|stored| stored.revision),
                before: found.map(VersionedJson::lines),
            },
        })
    }

    fn log_failure(&self, error: &SessionError) {
        let (error, update_id) = (ErrorChain(error), self.update_id);
        tracing::error!(%error, update_id, "session store unavailable");
    }

    /// The handler's effects can't be undone, so the update doesn't fail for it.
    fn warn_of_held_session(&self) {
        let update_id = self.update_id;
        tracing::warn!(
            update_id,
            "session still held after its handler ended; its changes won't be stored"
        );
    }

    fn read(&self, found: VersionedJson<'_>) -> Option<T> {
        let settings = &self.layer.settings;
        let VersionedJson { version, json } = found;
        if version != settings.version {
            let migrated = settings.migrate.as_ref()?;
            return migrated(version, json);
        }
        let read = serde_json::from_str(json);
        if let Err(error) = &read {
            let update_id = self.update_id;
            tracing::warn!(%error, update_id, version, "stored session unreadable, using the default");
        }
        read.ok()
    }

    async fn save(
        &self,
        change: SessionChange<T>,
        basis: SessionBasis,
    ) -> Result<(), SessionError> {
        let settings = &self.layer.settings;
        let SessionBasis { revision, before } = basis;
        let value = match change {
            SessionChange::Removed => None,
            SessionChange::Set(session) => {
                let json = serde_json::to_string(&session).map_err(SessionError::encode)?;
                let (version, json) = (settings.version, &*json);
                let changed = VersionedJson { version, json };
                let text = changed.stored_by(self.update_id, before.as_deref());
                Some(Bytes::from(text))
            }
        };
        if value.is_none() && revision.is_none() {
            return Ok(());
        }
        let saving = self
            .layer
            .store
            .save(&self.key, revision, value, settings.expires_after);
        let saved = saving.await;
        if saved.inspect_err(|error| self.log_failure(error))? {
            Ok(())
        } else {
            Err(SessionError::conflict())
        }
    }
}

/// The response future of [`SessionService`].
pub struct SessionFuture(Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>);

impl SessionFuture {
    fn new(future: impl Future<Output = Result<Reply, BoxError>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl fmt::Debug for SessionFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionFuture")
    }
}

impl Future for SessionFuture {
    type Output = Result<Reply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}
