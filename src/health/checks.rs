//! Single checks of readiness.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::time::timeout;

use crate::{client::ErrorChain, webhook::registration::HealthHandle};

/// `Err` says why the process isn't ready.
type CheckFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One thing that has to be well.
#[derive(Clone)]
pub(super) struct ReadyCheck {
    name: Arc<str>,
    run: Arc<dyn Fn() -> CheckFuture + Send + Sync>,
}

impl ReadyCheck {
    pub(super) fn new<F, Fut, E>(name: &str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            name: name.into(),
            run: Arc::new(move || {
                let checking = check();
                Box::pin(async move {
                    let checked = checking.await;
                    checked.map_err(|error| ErrorChain(&*error.into()).to_string())
                })
            }),
        }
    }

    /// The webhook is set as it should be.
    pub(super) fn webhook(handle: HealthHandle) -> Self {
        Self::of_report("webhook", move || {
            if handle.is_ready() {
                return Ok(());
            }
            let report = handle.latest();
            Err(match (report.health, report.failure) {
                (Some(health), _) => health.to_string(),
                (None, Some(failure)) => ErrorChain(&*failure).to_string(),
                (None, None) => "not looked at yet".to_owned(),
            })
        })
    }

    /// No more than so many updates wait at Telegram.
    pub(super) fn pending(handle: HealthHandle, max: i64) -> Self {
        Self::of_report("pending", move || match handle.latest().health {
            Some(health) if health.pending > max => {
                Err(format!("{} updates wait, over {max}", health.pending))
            }
            Some(_) => Ok(()),
            None => Err("not looked at yet".to_owned()),
        })
    }

    fn of_report(
        name: &str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Arc::new(move || Box::pin(ready(check()))),
        }
    }

    /// Why it isn't ready, if it isn't. A check that panics or takes too long has failed.
    pub(super) async fn failure(self, limit: Duration) -> Option<String> {
        let Self { name, run } = self;
        let running = AssertUnwindSafe(async move { run().await }).catch_unwind();
        let why = match timeout(limit, running).await {
            Ok(Ok(Ok(()))) => return None,
            Ok(Ok(Err(why))) => why,
            Ok(Err(_)) => "the check panicked".to_owned(),
            Err(_) => "no answer in time".to_owned(),
        };
        Some(format!("{name}: {why}"))
    }
}

impl fmt::Debug for ReadyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadyCheck").field(&self.name).finish()
    }
}
