//! `setWebhook`, `deleteWebhook` and `getWebhookInfo`, and the choice between webhook and `getUpdates`.
//!
//! The checks are those of a server in local mode, which allows `http`, any port and any address.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    backoff::ResendBackoff,
    certificate::Trusted,
    pending_update::PendingUpdate,
    sender::{Delivery, Sender, Watch},
    session::WebhookSession,
    settings::WebhookSettings,
    tls::Tls,
    url::WebhookUrl,
};
use crate::{
    bot_api::{
        allowed_updates,
        answer::Answer,
        args::{Args, is_true},
    },
    clock::Clock,
    error::{Error, ExchangeOutcome},
    polling::{
        get_updates::{self, GetUpdatesReply},
        queue::{MAX_UPDATES, PollQueue},
    },
};

const MAX_CERTIFICATE: usize = 3 << 20;
/// 34 years, in place of a time that never comes.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// The webhook, the updates for it, and the queue of `getUpdates`.
#[derive(Debug)]
pub(crate) struct WebhookState {
    current: watch::Sender<Option<Arc<WebhookSession>>>,
    rules: Mutex<LastingSettings>,
    cooldown: Duration,
    /// The trusted roots for webhooks without a certificate of their own.
    roots: Trusted,
    /// Whether connections are opened at Telegram's pace.
    is_paced: bool,
    pub(crate) clock: Clock,
    /// Updates that are being delivered to the webhook.
    pub(crate) sender: Sender,
    /// Updates that wait for `getUpdates` or a webhook.
    pub(crate) queue: PollQueue,
    connections: Arc<AtomicU64>,
}

/// Settings that stay when the webhook is deleted.
#[derive(Debug, Default)]
struct LastingSettings {
    allowed_updates: Option<Vec<String>>,
    /// The earliest time of the next `setWebhook`.
    next_set_at: Option<Instant>,
}

impl LastingSettings {
    /// Sets `allowed_updates` from the call. A value that isn't an array of names changes nothing.
    fn allow(&mut self, args: &Args) {
        if let Some(allowed) = allowed_updates::read(&args.text("allowed_updates")) {
            self.allowed_updates = Some(allowed).filter(|allowed| !allowed.is_empty());
        }
    }
}

impl WebhookState {
    pub(crate) fn new(
        cooldown: Duration,
        first_update_id: u64,
        roots: Trusted,
        is_paced: bool,
        clock: Clock,
    ) -> Self {
        Self {
            current: watch::Sender::new(None),
            rules: Mutex::default(),
            cooldown,
            roots,
            is_paced,
            sender: Sender::default(),
            queue: PollQueue::new(first_update_id, clock.clone()),
            clock,
            connections: Arc::default(),
        }
    }

    /// The webhook in use.
    pub(crate) fn session(&self) -> Option<Arc<WebhookSession>> {
        self.current.borrow().clone()
    }

    /// The settings of the webhook in use.
    pub(crate) fn settings(&self) -> Option<WebhookSettings> {
        let allowed_updates = self.rules().allowed_updates.clone();
        self.session().map(|session| WebhookSettings {
            allowed_updates,
            ..session.settings.clone()
        })
    }

    /// Executes `deleteWebhook`, which is a `setWebhook` without a URL.
    pub(crate) fn delete(&self, args: &Args) -> Answer {
        self.replace(String::new(), args, true)
    }

    /// Executes `setWebhook`. A call that is refused for its URL, secret or certificate leaves **no**
    /// webhook, because the old one is deleted before the new one is checked.
    pub(crate) fn set(&self, args: &Args, is_internal: bool) -> Answer {
        self.replace(args.text("url"), args, is_internal)
    }

    /// Deletes the old webhook, checks the new one, and sets it.
    fn replace(&self, url: String, args: &Args, is_internal: bool) -> Answer {
        // Held to the end, so that calls don't run at the same time.
        let mut rules = self.rules();
        if !url.is_empty() && !is_internal {
            let now = self.clock.now();
            if rules.next_set_at.is_some_and(|at| now < at) {
                return Answer::too_many_requests(1);
            }
            // A time that can't be represented becomes one that never comes.
            rules.next_set_at = Some(now.checked_add(self.cooldown).unwrap_or(now + FOREVER));
        }
        let old = self.session();
        let drop_pending = is_true(&args.text("drop_pending_updates"));
        if url.is_empty() {
            if drop_pending {
                self.drop_pending();
            }
            if old.is_some() || drop_pending {
                self.stop();
                return Answer::ok(true).description("Webhook was deleted");
            }
            rules.allow(args);
            return Answer::ok(true).description("Webhook is already deleted");
        }

        let asked = WebhookSettings::from_args(url, args);
        if old.is_some_and(|old| {
            old.settings == asked && asked.certificate.is_none() && !drop_pending
        }) {
            rules.allow(args);
            return Answer::ok(true).description("Webhook is already set");
        }
        // Also if the new webhook is refused.
        self.queue
            .end_poll("Conflict: terminated by setWebhook request");
        if drop_pending {
            self.drop_pending();
        }
        match check(&asked, &self.roots) {
            Ok((url, tls)) => {
                rules.allow(args);
                let connections = Arc::clone(&self.connections);
                let session = WebhookSession::new(asked, url, tls, connections, self.clock.clone());
                self.begin(if self.is_paced {
                    session.paced()
                } else {
                    session
                });
                Answer::ok(true).description("Webhook was set")
            }
            Err(reason) => {
                self.stop();
                Answer::error(400, format!("Bad Request: {reason}"))
            }
        }
    }

    /// The answer to `getWebhookInfo`.
    pub(crate) fn info(&self) -> Answer {
        let session = self.session();
        let mut info = json!({
            "url": session.as_ref().map_or("", |session| &session.settings.url),
            "has_custom_certificate": session.as_ref().is_some_and(|session| session.settings.certificate.is_some()),
            "pending_update_count": self.pending_updates(),
        });
        if let Some(session) = session {
            if let Some((date, message)) = session.last_error() {
                info["last_error_date"] = date.into();
                info["last_error_message"] = message.into();
            }
            info["max_connections"] = session.settings.max_connections.into();
            info["ip_address"] = session.ip_address().into();
        }
        if let Some(allowed) = &self.rules().allowed_updates {
            info["allowed_updates"] = allowed.as_slice().into();
        }
        Answer::ok(info)
    }

    /// Executes `getUpdates` up to the point where it may have to wait.
    pub(crate) fn get_updates(&self, args: &Args) -> GetUpdatesReply {
        // Held to the end, so that a webhook can't be set in between.
        let mut rules = self.rules();
        if self.session().is_some() {
            let text = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return GetUpdatesReply::Done(self.queue.conflict(text));
        }
        rules.allow(args);
        get_updates::get_updates(&self.queue, args, &self.clock)
    }

    /// Starts sending updates to that webhook, waiting ones first.
    fn begin(&self, session: WebhookSession) {
        self.current.send_replace(Some(Arc::new(session)));
        self.sender.restart(self.clock.now());
        for pending in self.queue.take_all() {
            self.sender.push(Delivery::new(pending, None));
        }
    }

    /// Stops the webhook. Its updates wait for the next one, or for `getUpdates`.
    fn stop(&self) {
        self.current.send_replace(None);
        let stopped = self.sender.take_all().into_iter();
        self.queue
            .restore(stopped.map(|delivery| delivery.end(ExchangeOutcome::Stopped)));
    }

    /// Drops all waiting updates.
    fn drop_pending(&self) {
        self.queue.clear();
        for delivery in self.sender.drop_all() {
            delivery.end(ExchangeOutcome::Dropped);
        }
    }

    /// Deletes the webhook if it is still that one.
    pub(crate) fn delete_gone(&self, gone: &Arc<WebhookSession>) {
        let _rules = self.rules();
        if self.is_current(gone) {
            self.stop();
        }
    }

    /// Whether that is the webhook in use.
    fn is_current(&self, session: &Arc<WebhookSession>) -> bool {
        self.session()
            .is_some_and(|current| Arc::ptr_eq(&current, session))
    }

    /// Sends an update again after a failure, to the webhook that is set by then.
    pub(crate) fn retry(
        &self,
        mut delivery: Delivery,
        failed: &Arc<WebhookSession>,
        wait: Duration,
    ) {
        let _rules = self.rules();
        let now = self.clock.now();
        let queue = delivery.pending.queue;
        if self.sender.is_dropped(&delivery) {
            self.sender.done(queue, now);
            delivery.end(ExchangeOutcome::Dropped);
        } else if self.is_current(failed) {
            self.sender.put_back(delivery, now + wait);
        } else if self.session().is_some() {
            delivery.backoff = ResendBackoff::default();
            self.sender.put_back(delivery, now);
        } else {
            self.sender.done(queue, now);
            let pending = delivery.end(ExchangeOutcome::Stopped);
            self.queue.restore([pending]);
        }
    }

    /// How many updates wait for `getUpdates` or are being delivered to the webhook.
    pub(crate) fn pending_updates(&self) -> usize {
        self.sender.len() + self.queue.len()
    }

    /// Queues an update for the webhook, even if the bot's `allowed_updates` don't have its type.
    pub(crate) fn deliver(&self, pending: PendingUpdate, watch: Watch) -> Result<(), Error> {
        let _rules = self.rules();
        if self.session().is_none() {
            return Err(Error::NoWebhook);
        }
        self.sender.push(Delivery::new(pending, Some(watch)));
        Ok(())
    }

    /// Queues an update for the webhook or for `getUpdates`.
    pub(crate) fn enqueue(&self, update: &Map<String, Value>) -> Result<u64, Error> {
        let rules = self.rules();
        let asked = rules.allowed_updates.as_deref();
        let unwanted = update
            .keys()
            .find(|key| *key != "update_id" && !allowed_updates::is_wanted(asked, key));
        if let Some(update_type) = unwanted {
            return Err(Error::NotAllowed {
                update_type: update_type.clone(),
            });
        }
        let pending = self.queue.prepare(update)?;
        let update_id = pending.id;
        if self.session().is_none() {
            self.queue.push(pending);
        } else if self.sender.len() < MAX_UPDATES {
            self.sender.push(Delivery::new(pending, None));
        } else {
            return Err(Error::QueueFull);
        }
        Ok(update_id)
    }

    /// Whether the bot asks for updates of that type.
    pub(crate) fn is_wanted(&self, update_type: &str) -> bool {
        allowed_updates::is_wanted(self.rules().allowed_updates.as_deref(), update_type)
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn close_idle(&self) {
        if let Some(session) = self.session() {
            session.close_idle();
        }
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, LastingSettings> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the settings: the URL and the TLS settings, or the error's description.
fn check(asked: &WebhookSettings, roots: &Trusted) -> Result<(WebhookUrl, Option<Tls>), String> {
    let url = WebhookUrl::parse(&asked.url).ok_or("invalid webhook URL specified")?;
    let secret = asked.secret_token.as_deref().unwrap_or_default();
    if secret.len() > 256 {
        return Err("secret token is too long".to_owned());
    }
    if !secret
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        return Err("secret token contains unallowed characters".to_owned());
    }
    if let Some(size) = asked
        .certificate
        .as_ref()
        .map(Bytes::len)
        .filter(|&size| size > MAX_CERTIFICATE)
    {
        return Err(format!("certificate size is too big ({size} bytes)"));
    }
    if asked
        .ip_address
        .as_ref()
        .is_some_and(|address| address.parse::<IpAddr>().is_err())
    {
        return Err("bad webhook: Invalid IP address specified".to_owned());
    }
    if !url.https {
        return Ok((url, None));
    }
    let tls = Tls::new(url.host_name(), asked.certificate.as_deref(), roots)
        .map_err(|reason| format!("bad webhook: {reason}"))?;
    Ok((url, Some(tls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(cooldown: Duration) -> WebhookState {
        let roots = Trusted::new(Vec::new()).unwrap();
        WebhookState::new(cooldown, 1, roots, false, Clock::default())
    }

    fn args(form: &str) -> Args {
        let mut args = Args::default();
        args.read_form(form.as_bytes()).unwrap();
        args
    }

    /// The description or the error of `setWebhook`.
    fn set(webhook: &WebhookState, form: &str) -> String {
        let answer = webhook.set(&args(form), true).to_value();
        answer["description"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn each_change_has_the_servers_own_description() {
        let webhook = webhook(Duration::ZERO);
        let deleted = |webhook: &WebhookState| {
            webhook.delete(&Args::default()).to_value()["description"].clone()
        };
        assert_eq!(deleted(&webhook), "Webhook is already deleted");
        assert_eq!(
            set(&webhook, "url=http://h:1/&secret_token=a"),
            "Webhook was set"
        );
        assert_eq!(
            set(&webhook, "url=http://h:1/&secret_token=a"),
            "Webhook is already set"
        );
        assert_eq!(
            set(
                &webhook,
                "url=http://h:1/&secret_token=a&drop_pending_updates=YES"
            ),
            "Webhook was set"
        );
        assert_eq!(
            set(&webhook, "url=http://h:1/&secret_token=b"),
            "Webhook was set"
        );
        assert_eq!(deleted(&webhook), "Webhook was deleted");
        assert_eq!(webhook.settings(), None);
    }

    #[tokio::test]
    async fn a_refused_call_leaves_no_webhook() {
        let long = format!("url=http://h/&secret_token={}", "a".repeat(257));
        for (form, error) in [
            ("url=ftp://h/", "Bad Request: invalid webhook URL specified"),
            (long.as_str(), "Bad Request: secret token is too long"),
            (
                "url=http://h/&secret_token=a%20b",
                "Bad Request: secret token contains unallowed characters",
            ),
            (
                "url=http://h/&ip_address=1.2.3",
                "Bad Request: bad webhook: Invalid IP address specified",
            ),
        ] {
            let webhook = webhook(Duration::ZERO);
            assert_eq!(set(&webhook, "url=http://h/"), "Webhook was set");
            assert_eq!(set(&webhook, form), error);
            assert_eq!(webhook.settings(), None, "{form}");
        }
    }

    #[tokio::test]
    async fn numbers_are_clamped() {
        for (given, expected) in [
            ("", 100),
            ("0", 1),
            ("-5", 1),
            ("abc", 1),
            ("7x", 7),
            ("1000000", 100_000),
        ] {
            let webhook = webhook(Duration::ZERO);
            set(&webhook, &format!("url=http://h/&max_connections={given}"));
            assert_eq!(
                webhook.settings().unwrap().max_connections,
                expected,
                "{given}"
            );
        }
    }

    #[tokio::test]
    async fn allowed_updates_outlive_the_webhook() {
        let webhook = webhook(Duration::ZERO);
        let allowed = |form: &str| {
            set(&webhook, &format!("url=http://h/{form}"));
            webhook.settings().unwrap().allowed_updates
        };
        let poll = Some(vec!["poll".to_owned()]);
        assert_eq!(allowed("&allowed_updates=[\"poll\"]"), poll);
        assert_eq!(
            allowed("&allowed_updates=[1]"),
            poll,
            "not names: unchanged"
        );
        webhook.delete(&Args::default());
        assert_eq!(allowed(""), poll, "not given: unchanged");
        assert_eq!(allowed("&allowed_updates=[]"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_call_within_a_second_is_too_soon() {
        let webhook = webhook(Duration::from_secs(1));
        let code = |url: &str| {
            webhook
                .set(&args(&format!("url={url}")), false)
                .as_error()
                .map(|error| error.0)
        };
        assert_eq!(
            code("nonsense:"),
            Some(400),
            "counts even though it is refused"
        );
        assert_eq!(code("http://h/"), Some(429));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(code("http://h/"), None);
    }
}
