//! G1 to G3, G5, G8 to G10: the webhook is set where it can work and isn't right yet, and only there.

use std::{error::Error as _, time::Duration};

use tower_telegram::{
    Client,
    client::{Error, ErrorKind, Reason},
    methods::{DeleteWebhook, GetUpdates, SetWebhook},
    types::{AllowedUpdates, InputFile, UpdateType},
    webhook::SecretToken,
    webhook::registration::{
        Drift, EnsureWebhookError, Health, InvalidWebhook, WebhookHealth, WebhookProblem,
    },
};
use tower_telegram_test::{Answer, Call, Telegram};

use crate::support::scripted::{self, Scripted, Step};

const URL: &str = "https://bot.example/telegram";
/// Self-signed. Its key was thrown away.
const PEM: &[u8] = include_bytes!("bot.pem");
/// Its RSA key has 768 bits.
const WEAK_PEM: &[u8] = include_bytes!("weak.pem");
const NO_CERTIFICATE: &[u8] =
    b"-----BEGIN CERTIFICATE-----\nTUlJQmV6Q0NBU0E=\n-----END CERTIFICATE-----\n";

fn client(telegram: &Telegram) -> Client {
    let token = telegram.token().parse().expect("a token");
    Client::with_base_url(&token, telegram.api_url()).expect("a url")
}

/// One that takes a `setWebhook` at any time.
async fn telegram() -> Telegram {
    let builder = Telegram::builder().webhook_cooldown(Duration::ZERO);
    builder.start().await.expect("a port")
}

fn count(telegram: &Telegram, method: &str) -> usize {
    let calls = telegram.calls();
    calls.iter().filter(|call| call.is(method)).count()
}

fn sets(telegram: &Telegram) -> Vec<Call> {
    let calls = telegram.calls().into_iter();
    calls.filter(|call| call.is("setWebhook")).collect()
}

fn wanted() -> SetWebhook {
    SetWebhook::new(URL)
        .secret_token(SecretToken::new("se-cret").expect("a secret"))
        .max_connections(20)
        .allowed_updates([UpdateType::Message, UpdateType::CallbackQuery])
}

fn reason(error: &Error) -> Option<&InvalidWebhook> {
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    error.source()?.downcast_ref()
}

#[tokio::test]
async fn g1_what_telegram_would_refuse_is_not_sent() {
    let telegram = telegram().await;
    telegram.set_webhook(URL, None).expect("a webhook");
    let client = client(&telegram);
    let url = SetWebhook::new;
    let too_large = [PEM, &vec![b' '; 3 << 20]].concat();
    for bad in [
        url(""),
        url("http://bot.example/"),
        url("https://bot.example:8080/"),
        url("https://10.0.0.1/"),
        url("https://127.0.0.1/"),
        url("https://198.51.100.7/"),
        url("https://[2001:4860:4860::8888]/"),
        url("https://localhost/"),
        url("https://bot.example/#fragment"),
        url("https://ada:swordfish%@bot.example/"),
        url("https://bot.example/a b"),
        url("https://bot.internal/"),
        url("https://bot/"),
        url(URL).max_connections(0),
        url(URL).max_connections(101),
        url(URL).ip_address("192.168.0.1"),
        url(URL).ip_address("::1"),
        url(URL).certificate("file-id"),
        url(URL).certificate(InputFile::bytes("a.pem", too_large)),
        url(URL).certificate(InputFile::bytes("a.der", &b"0\x82\x03\xc1"[..])),
        url(URL).certificate(InputFile::bytes("a.pem", NO_CERTIFICATE)),
        url(URL).certificate(InputFile::bytes("a.pem", WEAK_PEM)),
    ] {
        let error = client.send(bad.clone()).await.expect_err("refused");
        assert!(reason(&error).is_some(), "{bad:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("swordfish"), "{shown}");
    }
    assert!(telegram.calls().is_empty());
    assert_eq!(telegram.webhook().expect("the old one").url, URL);
}

#[tokio::test]
async fn g7_what_telegram_takes_is_sent_to_it() {
    let telegram = telegram().await;
    let client = client(&telegram);
    for url in [
        "https://ada:p%40ss@bot.example/",
        "bot.example/telegram",
        "HTTPS://Bot.Example/",
        "https://бот.рф/",
        "https://\u{1f916}.example/",
        "https://bot.example:0443/",
    ] {
        let wanted = SetWebhook::new(url);
        assert!(client.send(wanted.clone()).await.expect("set"), "{url}");
        assert_eq!(telegram.webhook().expect("a webhook").url, url);
        let ensured = client.ensure_webhook(&wanted).await.expect("right");
        assert!(!ensured.was_set, "{url}");
        assert!(!format!("{ensured:?}").contains("p%40ss"));
    }
}

#[tokio::test]
async fn g8_the_old_webhook_outlives_a_name_that_leads_nowhere() {
    let telegram = telegram().await;
    telegram.set_webhook(URL, None).expect("a webhook");
    let client = client(&telegram);
    let label = "a".repeat(64);
    for host in ["bot.local", "bot", "БОТ.рф", &format!("{label}.example")] {
        let settings = SetWebhook::new(format!("https://{host}/"));
        let error = client.send(settings.clone()).await.expect_err("refused");
        assert!(reason(&error).is_some(), "{host}");
        let ensured = client.ensure_webhook(&settings).await;
        let Err(EnsureWebhookError::Call(error)) = ensured else {
            panic!("{ensured:?}");
        };
        assert!(reason(&error).is_some(), "{host}");
    }
    assert!(telegram.calls().is_empty());
    assert_eq!(telegram.webhook().expect("the old one").url, URL);
}

#[tokio::test]
async fn g9_a_new_secret_is_noticed_by_its_fingerprint() {
    let telegram = telegram().await;
    let client = client(&telegram);
    let with_secret = |secret: &str| {
        let secret = SecretToken::new(secret).expect("a secret");
        wanted().secret_token(secret).with_fingerprint(b"7:token")
    };
    for (secret, was_set) in [("old", true), ("old", false), ("new", true), ("new", false)] {
        let ensured = client.ensure_webhook(&with_secret(secret)).await;
        assert_eq!(ensured.expect("right").was_set, was_set, "{secret}");
        let webhook = telegram.webhook().expect("a webhook");
        assert_eq!(webhook.secret_token.as_deref(), Some(secret));
        assert!(webhook.url.starts_with(&format!("{URL}?fingerprint=")));
    }
}

#[tokio::test]
async fn g9_a_webhook_that_answers_401_has_another_secret() {
    let info = r#"{"url":"https://bot.example/telegram","has_custom_certificate":false,
        "pending_update_count":3,"last_error_date":1795738190,
        "last_error_message":"Wrong response from the webhook: 401 Unauthorized"}"#;
    let report = first_report(info, "Date: Fri, 27 Nov 2026 00:10:00 GMT\r\n").await;
    assert_eq!(
        report.to_string(),
        "the webhook answered 401: its secret token differs from the one that telegram has"
    );
}

/// The first report of a watch if getWebhookInfo returns this, with these headers.
async fn first_report(info: &str, headers: &str) -> Health {
    let body = format!(r#"{{"ok":true,"result":{info}}}"#);
    let script = vec![
        Step::Read,
        Step::Write(scripted::answer(200, headers, body.as_bytes())),
        Step::Wait,
    ];
    let server = Scripted::start([script], "true").await;
    let wanted = SetWebhook::new(URL);
    let health = WebhookHealth::new(scripted::client_of(&server), &wanted);
    let mut handle = health.handle();
    let watch = tokio::spawn(health.run());
    let report = handle.changed().await.expect("a report");
    watch.abort();
    report.health.expect("a verdict")
}

#[tokio::test]
async fn g10_errors_are_as_old_as_telegrams_clock_says() {
    let info = r#"{"url":"https://bot.example/telegram","has_custom_certificate":false,
        "pending_update_count":0,"last_error_date":1000000000,
        "last_error_message":"Connection refused"}"#;
    // Years behind our clock, 10 seconds and 10 minutes after the error.
    let now = first_report(info, "Date: Sun, 09 Sep 2001 01:46:50 GMT\r\n").await;
    assert_eq!(now.problem, Some(WebhookProblem::ConnectionRefused));
    let later = first_report(info, "Date: Sun, 09 Sep 2001 01:56:40 GMT\r\n").await;
    assert!(later.is_healthy());
    let without_date = first_report(info, "").await;
    assert!(without_date.is_healthy(), "by our clock");
}

#[tokio::test]
async fn g1_what_is_meant_for_a_local_server_is_sent_to_it() {
    let telegram = telegram().await;
    let client = client(&telegram);
    let local = SetWebhook::new("http://ada:swordfish@127.0.0.1:8080/")
        .ip_address("::1")
        .max_connections(1000)
        .certificate(InputFile::bytes("bot.pem", PEM))
        .for_local_server();
    assert!(client.send(local).await.expect("set"));
    let set = telegram.webhook().expect("a webhook");
    assert_eq!(set.max_connections, 1000);
    assert_eq!(set.certificate.as_deref(), Some(PEM));

    let fragment = SetWebhook::new("http://127.0.0.1/#x").for_local_server();
    let error = client.send(fragment).await.expect_err("refused");
    assert_eq!(reason(&error), Some(&InvalidWebhook::Fragment));
    assert_eq!(count(&telegram, "setWebhook"), 1);
}

#[tokio::test]
async fn g2_nothing_is_set_where_nothing_differs() {
    let telegram = telegram().await;
    let client = client(&telegram);
    let first = client.ensure_webhook(&wanted()).await.expect("set");
    assert!(first.was_set);
    assert_eq!(first.info.url, URL);
    assert_eq!(count(&telegram, "setWebhook"), 1);

    for same in [
        wanted(),
        // Settings that aren't given can have any value.
        SetWebhook::new(URL),
        SetWebhook::new("https://BOT.example:443/telegram"),
        wanted().allowed_updates([UpdateType::CallbackQuery, UpdateType::Message]),
        wanted().drop_pending_updates(true),
    ] {
        let again = client.ensure_webhook(&same).await.expect("right");
        assert!(!again.was_set, "{same:?}");
        assert_eq!(again.info, first.info);
    }
    assert_eq!(count(&telegram, "setWebhook"), 1);
    assert_eq!(count(&telegram, "getWebhookInfo"), 2 + 5);
}

#[tokio::test]
async fn g2_each_setting_that_differs_is_set() {
    let telegram = telegram().await;
    let client = client(&telegram);
    client.ensure_webhook(&wanted()).await.expect("set");
    for (at, other) in [
        SetWebhook::new("https://bot.example/elsewhere"),
        wanted(),
        wanted().max_connections(21),
        wanted().ip_address("8.8.8.8"),
        wanted().allowed_updates(AllowedUpdates::DEFAULT),
        wanted().allowed_updates(AllowedUpdates::ALL),
        wanted().certificate(InputFile::bytes("bot.pem", PEM)),
        wanted(),
    ]
    .into_iter()
    .enumerate()
    {
        let changed = client.ensure_webhook(&other).await.expect("set");
        assert!(changed.was_set, "{other:?}");
        assert_eq!(count(&telegram, "setWebhook"), at + 2, "{other:?}");
        let again = client.ensure_webhook(&other).await.expect("right");
        assert!(!again.was_set, "{other:?}");
    }
}

#[tokio::test]
async fn g2_a_new_secret_is_set_when_asked_for() {
    let telegram = telegram().await;
    let client = client(&telegram);
    client.ensure_webhook(&wanted()).await.expect("set");
    let rotated = wanted().secret_token(SecretToken::new("new").expect("a secret"));
    let unseen = client.ensure_webhook(&rotated).await.expect("right");
    assert!(!unseen.was_set, "it is not visible");
    let set = client.ensure_webhook(&rotated).force().await.expect("set");
    assert!(set.was_set);
    let secret = telegram.webhook().expect("a webhook").secret_token;
    assert_eq!(secret.as_deref(), Some("new"));
}

/// All at once, like at the start of a deployment.
async fn start_replicas(telegram: &Telegram, wanted: &SetWebhook) -> Vec<bool> {
    let replicas = (0..20).map(|_| {
        let (client, wanted) = (client(telegram), wanted.clone());
        tokio::spawn(async move { client.ensure_webhook(&wanted).await })
    });
    let mut was_set = Vec::new();
    for replica in replicas.collect::<Vec<_>>() {
        let ensured = replica.await.expect("no panic").expect("all succeed");
        assert_eq!(ensured.info.url, wanted.url);
        was_set.push(ensured.was_set);
    }
    was_set
}

#[tokio::test]
async fn g3_twenty_replicas_at_once_all_succeed() {
    // The second call gets a 429, however slow the machine is.
    let builder = Telegram::builder().webhook_cooldown(Duration::from_secs(60));
    let telegram = builder.start().await.expect("a port");
    let wanted = wanted().for_local_server();
    let was_set = start_replicas(&telegram, &wanted).await;
    assert_eq!(was_set.iter().filter(|was_set| **was_set).count(), 1);
    let set = sets(&telegram);
    assert_eq!(set.iter().filter(|call| call.is_ok()).count(), 1);
    let refused = set.iter().filter(|call| !call.is_ok());
    assert!(
        refused
            .into_iter()
            .all(|call| call.response["error_code"] == 429)
    );

    let webhook = telegram.webhook().expect("a webhook");
    assert_eq!(webhook.url, URL);
    assert_eq!(webhook.max_connections, 20);
    assert_eq!(webhook.secret_token.as_deref(), Some("se-cret"));
    let names = ["message", "callback_query"].map(str::to_owned);
    assert_eq!(webhook.allowed_updates, Some(names.to_vec()));
}

#[tokio::test]
async fn g3_what_comes_back_from_a_crowd_is_outlived() {
    let telegram = telegram().await;
    for answer in [
        Answer::too_many_requests(1),
        Answer::error(409, "Conflict: terminated by other setWebhook"),
        Answer::raw(502, "text/html", "<html>bad gateway</html>"),
        Answer::hang_up(),
    ] {
        telegram.answer_once("setWebhook", answer);
    }
    telegram.answer_once("getWebhookInfo", Answer::too_many_requests(1));
    let was_set = start_replicas(&telegram, &wanted().for_local_server()).await;
    assert!(was_set.contains(&true));
    assert_eq!(telegram.webhook().expect("a webhook").url, URL);
}

#[tokio::test]
async fn a_refusal_of_telegrams_comes_back_with_its_reason() {
    let telegram = telegram().await;
    let words = "Bad Request: bad webhook: Failed to resolve host: Name or service not known";
    telegram.answer("setWebhook", Answer::error(400, words));
    let ensured = client(&telegram).ensure_webhook(&wanted()).await;
    let EnsureWebhookError::Call(error) = ensured.expect_err("refused") else {
        panic!("not a refusal");
    };
    assert_eq!(error.reason(), Some(Reason::WebhookHostNotFound));
    assert_eq!(count(&telegram, "setWebhook"), 1);
}

#[tokio::test]
async fn g5_polling_beside_a_webhook_is_a_conflict_that_says_what_to_do() {
    let telegram = telegram().await;
    let client = client(&telegram);
    client.send(wanted()).await.expect("set");
    let error = client.send(GetUpdates::new()).await.expect_err("conflict");
    assert!(error.is_conflict());
    let reason = error.reason().expect("a known conflict");
    assert_eq!(reason, Reason::WebhookIsSet);
    assert!(
        reason.to_string().contains("call deleteWebhook"),
        "{reason}"
    );

    client.send(DeleteWebhook::new()).await.expect("deleted");
    assert!(client.send(GetUpdates::new()).await.is_ok());
}

#[tokio::test]
async fn the_watch_sees_a_webhook_go_and_come_back() {
    let telegram = telegram().await;
    let client = client(&telegram);
    let health = WebhookHealth::new(client.clone(), &wanted()).interval(Duration::ZERO);
    let mut handle = health.handle();
    let watch = tokio::spawn(health.run());
    let report = handle.changed().await.expect("a report");
    assert_eq!(report.health.expect("a verdict").drift, [Drift::Unset]);
    assert!(!handle.is_ready());

    client.ensure_webhook(&wanted()).await.expect("set");
    let report = handle.changed().await.expect("a report");
    assert!(report.health.expect("a verdict").is_healthy());
    assert!(handle.is_ready());
    watch.abort();
}
