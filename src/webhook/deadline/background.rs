//! What becomes of an update that was acked before it was done: here, we are Telegram.

use std::{error::Error, pin::Pin, sync::Arc, time::Duration};

use http::{Extensions, Request, Response};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_service::Service;

use crate::{
    Client,
    task::backoff::Backoff,
    webhook::{RawUpdate, ReplyBody},
};

/// How long an update that fails is tried again.
const PATIENCE: Duration = Duration::from_secs(600);

/// An update that Telegram takes for done, with all that it takes to do it.
pub(super) struct Late<S> {
    pub(super) service: S,
    pub(super) update: RawUpdate,
    pub(super) extensions: Extensions,
    pub(super) client: Arc<Client>,
}

impl<S> Late<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Waits for the handler, and does with its answer what Telegram would: carries the reply out, or
    /// asks again.
    pub(super) async fn finish(self, handling: Pin<Box<S::Future>>) {
        let until = Instant::now() + PATIENCE;
        let mut backoff = Backoff::new();
        let mut answer = handling.await;
        loop {
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    let reply = answer.body().reply().clone();
                    if let Err(error) = self.client.send_reply(&reply).await {
                        tracing::error!(%error, "a late reply wasn't carried out");
                    }
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    tracing::error!(%error, "the handler failed");
                }
            }
            let pause = backoff.next(None);
            if Instant::now() + pause > until {
                let update_id = self.update.update_id();
                tracing::error!(update_id, "an update that was acked early is given up");
                return;
            }
            tokio::time::sleep(pause).await;
            let mut request = Request::new(self.update.clone());
            *request.extensions_mut() = self.extensions.clone();
            answer = self.service.clone().oneshot(request).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::Mutex};

    use tower::service_fn;

    use super::*;
    use crate::client;

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_for_ten_minutes_and_no_longer() {
        let began = Instant::now();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&calls);
        let mut service = service_fn(move |_: Request<RawUpdate>| {
            noted.lock().unwrap().push(began.elapsed());
            ready(Err::<Response<ReplyBody>, _>("no"))
        });
        let nobody = service_fn(|_| ready(Err(client::Error::transport("nobody", false))));
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"message":{}}"#.into()).unwrap();
        let handling = Box::pin(service.call(Request::new(update.clone())));
        let late = Late {
            service,
            update,
            extensions: Extensions::new(),
            client: Arc::new(Client::from_service(nobody)),
        };
        let day = Duration::from_secs(24 * 60 * 60);
        let finished = tokio::time::timeout(day, late.finish(handling)).await;
        finished.expect("it is given up");
        let last = *calls.lock().unwrap().last().unwrap();
        // A pause is 75 s at most.
        assert!(last <= PATIENCE, "{last:?}");
        assert!(last + Duration::from_secs(75) > PATIENCE, "{last:?}");
    }
}
