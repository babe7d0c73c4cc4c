//! A6: secrets don't show.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use http::Request;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};
use tower_telegram::{
    Reply,
    types::Update,
    webhook::{
        BotId, InvalidSecretToken, RawUpdate, ReplyBody, SecretToken, SecretTokenLayer,
        SecretTokens, ServiceBuilderExt as _, Webhook,
    },
};

use crate::{
    admission::secret::wrong_secrets,
    reading::envelope::malformed,
    support::{
        adapter::{BoxError, Handler, bots, bots_with, nothing, secret},
        for_each_server::for_each_server,
        log::Log,
        servers::Server,
        wire::{Call, MESSAGE, SECRET, SECRET_HEADER},
    },
};

for_each_server! {
    a6_no_event_shows_a_secret
    a6_a_failing_handler_shows_no_secret
}

/// A bot's token, as Telegram hands it out.
const TOKEN: &str = "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";

/// The texts that must not be in any output: the secret, and a guessed one (it may be another
/// bot's secret, or nearly this one's).
fn assert_private(shown: &str, what: &str) {
    let long_part = &SECRET[..SECRET.len() - 1];
    for private in [
        SECRET,
        long_part,
        &SECRET.to_uppercase(),
        TOKEN,
        &TOKEN[11..],
    ] {
        assert!(!shown.contains(private), "{what} shows {private}: {shown}");
    }
}

/// Servers run on the test's own thread, so that what they say is heard.
async fn a6_no_event_shows_a_secret(server: Server) {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    for bot in bots(server).await {
        let right = Call::new(MESSAGE);
        for wrong in wrong_secrets(&right) {
            bot.send(&wrong).await;
        }
        for (_, body) in malformed() {
            bot.send(&Call::new(body)).await;
        }
        for call in [
            right.clone().method("GET"),
            right.clone().without("Content-Type"),
            Call::new(r#"{"update_id":1,"message":{"chat":"swordfish-A_1"}}"#),
            right.clone().chunked(3),
            right,
        ] {
            bot.send(&call).await;
        }
    }
    let log = log.text();
    for heard in [
        "no accepted secret token",
        "doesn't fit its type",
        "not a POST",
    ] {
        assert!(log.contains(heard), "{heard:?} is heard in {log}");
    }
    assert_private(&log, "the log");
}

/// A handler's error or panic is logged with its own words, and nothing of the request.
async fn a6_a_failing_handler_shows_no_secret(server: Server) {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let webhook = Webhook::new(secret(SECRET));
    for bot in bots_with(server, &webhook, |_| Err("out of luck".into())).await {
        assert_eq!(bot.send(&Call::new(MESSAGE)).await.status, 500, "{bot}");
    }
    let fall_over = |update: &Update| -> Result<Reply, BoxError> { panic!("at {update:?}") };
    for bot in bots_with(server, &webhook, fall_over).await {
        let mut connection = bot.endpoint.connect().await;
        for _ in 0..2 {
            let answer = match &mut connection {
                Some(connection) => connection.send(&Call::new(MESSAGE)).await,
                None => bot.send(&Call::new(MESSAGE)).await,
            };
            assert_eq!(answer.status, 500, "{bot}");
        }
    }
    let log = log.text();
    assert!(
        log.contains("out of luck") && log.contains("the handler panicked"),
        "{log}"
    );
    assert_private(&log, "the log");
}

/// The head travels on to the handler, and people log requests.
#[tokio::test]
async fn a6_a_request_that_was_let_in_doesnt_print_its_secret() {
    let service = tower::ServiceBuilder::new()
        .secret_token(secret(SECRET))
        .update()
        .parse::<Update>()
        .reply()
        .service(service_fn(async |request: Request<Update>| {
            let shown = format!(
                "{request:?} {:?} {:#?}",
                request.headers(),
                request.headers()
            );
            assert!(request.headers().contains_key(SECRET_HEADER));
            assert_private(&shown, "the request");
            Ok::<_, BoxError>(())
        }));
    let Ok(response) = service.oneshot(Call::new(MESSAGE).request()).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a6_no_public_type_prints_a_secret() {
    let token = secret(SECRET);
    let tokens = SecretTokens::new(token.clone());
    tokens.add_for(BotId(1), SecretToken::derive(TOKEN.as_bytes(), BotId(1)));
    let layer = SecretTokenLayer::new(tokens.clone());
    let bots = SecretTokenLayer::bots([(BotId(7), token.clone())]);
    let webhook = Webhook::new(tokens.clone());
    let service = webhook.clone().service(Handler::<Update>::new(nothing));
    let mut required = layer.layer(service.clone());
    let refused = Call::new(MESSAGE).with(SECRET_HEADER, "guess").request();
    let admitted = required.call(Call::new(MESSAGE).request());
    let turned_away = required.call(refused);
    let served = service.clone().call(Call::new(MESSAGE).request());
    let raw = RawUpdate::from_bytes(Bytes::from_static(
        br#"{"update_id":1,"message":{"text":"swordfish-A_1"}}"#,
    ));
    let raw = raw.expect("an update");
    let misfit = raw.parse::<u8>().expect_err("it doesn't fit");
    let errors: Vec<InvalidSecretToken> = [format!("{SECRET}!"), SECRET.repeat(30)]
        .iter()
        .map(|text| SecretToken::new(text).expect_err("not allowed"))
        .collect();
    let reply = Reply::raw("sendMessage", &serde_json::json!({"text": SECRET}));
    let reply = reply.expect("a reply");
    let mut shown = String::new();
    for debug in [
        &token as &dyn fmt::Debug,
        &tokens,
        &layer,
        &bots,
        &webhook,
        &service,
        &required,
        &admitted,
        &turned_away,
        &served,
        &raw,
        &misfit,
        &errors,
        &reply,
    ] {
        writeln!(shown, "{debug:?} {debug:#?}").expect("a string takes it");
    }
    for display in [&misfit as &dyn fmt::Display, &errors[0], &errors[1]] {
        writeln!(shown, "{display}").expect("a string takes it");
    }
    let Ok(response) = turned_away.await;
    writeln!(shown, "{response:?}").expect("a string takes it");
    assert_eq!(response.status(), 401);
    let answer: ReplyBody = response.into_body();
    writeln!(shown, "{answer:?}").expect("a string takes it");
    assert_private(&shown, "a type");
    assert!(shown.contains("SecretToken(..)"), "{shown}");
    let derived = SecretToken::derive(TOKEN.as_bytes(), BotId(1));
    assert!(!shown.contains(derived.expose()), "{shown}");
}
