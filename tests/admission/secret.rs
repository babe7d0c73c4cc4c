//! A1–A5: who gets in.

use tower_telegram::webhook::{BotId, InvalidSecretToken, SecretToken, SecretTokens};

use crate::support::{
    adapter::{bots, bots_admitting, nothing, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Call, MESSAGE, SECRET, SECRET_HEADER},
};

for_each_server! {
    a1_the_right_secret_runs_the_handler_once
    a1_the_case_of_the_headers_name_makes_no_difference
    a2_any_other_secret_is_rejected_and_the_connection_lives_on
    a2_the_secret_comes_before_everything_else
    a3_both_get_in_while_rotating_and_only_the_new_one_afterwards
    a4_each_secret_leads_to_its_own_bot
    a4_a_bots_secret_can_be_rotated_too
    a5_the_longest_secret_gets_in
}

for_each_server! { sockets:
    a2_the_refusal_doesnt_wait_for_the_body
}

async fn a1_the_right_secret_runs_the_handler_once(server: Server) {
    for bot in bots(server).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 200, "{bot}");
        assert_eq!(bot.one().update_id, 7, "{bot}");
    }
}

async fn a1_the_case_of_the_headers_name_makes_no_difference(server: Server) {
    for bot in bots(server).await {
        let call = Call::new(MESSAGE).without(SECRET_HEADER);
        let call = call.header("x-TELEGRAM-bot-api-SECRET-token", SECRET);
        assert_eq!(bot.send(&call).await.status, 200, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");
    }
}

/// Whatever isn't the secret once.
pub(crate) fn wrong_secrets(call: &Call) -> Vec<Call> {
    let with = |value: &[u8]| call.clone().with(SECRET_HEADER, value);
    let mut calls = vec![
        call.clone().without(SECRET_HEADER),
        with(b""),
        with(b"guess"),
        with(SECRET.to_uppercase().as_bytes()),
        with(&SECRET.as_bytes()[..SECRET.len() - 1]),
        with(&SECRET.as_bytes()[1..]),
        with(format!("{SECRET}x").as_bytes()),
        with(format!("{SECRET},{SECRET}").as_bytes()),
        with("sw\u{f6}rdfish".as_bytes()),
        with(b"sw\xf6rdfish\xff"),
        with(&[b'x'; 1000]),
        // The right one twice, before a wrong one, and behind one.
        call.clone().header(SECRET_HEADER, SECRET),
        call.clone().header(SECRET_HEADER, "guess"),
        with(b"guess").header(SECRET_HEADER, SECRET),
        // In the wrong place.
        call.clone()
            .without(SECRET_HEADER)
            .header("Authorization", SECRET),
    ];
    // One wrong byte, wherever it is.
    for at in 0..SECRET.len() {
        let mut wrong = SECRET.as_bytes().to_vec();
        wrong[at] ^= 1;
        calls.push(with(&wrong));
    }
    calls
}

async fn a2_any_other_secret_is_rejected_and_the_connection_lives_on(server: Server) {
    let right = Call::new(MESSAGE);
    for bot in bots(server).await {
        let mut connection = bot.endpoint.connect().await;
        for wrong in wrong_secrets(&right) {
            let (refused, admitted) = match &mut connection {
                Some(c) => (c.send(&wrong).await, c.send(&right).await),
                None => (bot.send(&wrong).await, bot.send(&right).await),
            };
            assert_eq!(refused.status, 401, "{bot}: {wrong:?}");
            assert!(refused.body.is_empty(), "{bot}: {wrong:?}");
            assert_eq!(admitted.status, 200, "{bot} after {wrong:?}");
            assert_eq!(bot.handled().len(), 1, "{bot} after {wrong:?}");
        }
    }
}

/// A stranger learns nothing from later checks, because they aren't made.
async fn a2_the_secret_comes_before_everything_else(server: Server) {
    for bot in bots(server).await {
        let call = Call::new("not an update").with(SECRET_HEADER, "guess");
        for call in [
            call.clone().method("GET"),
            call.clone().without("Content-Type"),
            call.clone(),
        ] {
            assert_eq!(bot.send(&call).await.status, 401, "{bot}: {call:?}");
        }
        assert_eq!(bot.handled().len(), 0, "{bot}");
    }
}

/// A body that is announced and never comes can't hold up the refusal.
async fn a2_the_refusal_doesnt_wait_for_the_body(server: Server) {
    for bot in bots(server).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        for call in [
            Call::new("").with("Content-Length", "1000"),
            Call::new("").chunked(1),
        ] {
            let call = call.with(SECRET_HEADER, "guess");
            connection.write(&call.head()).await;
            assert_eq!(connection.answer(&call).await.status, 401, "{bot}");
            connection = bot.endpoint.connect().await.expect("it listens");
        }
        assert_eq!(bot.send(&Call::new(MESSAGE)).await.status, 200, "{bot}");
    }
}

async fn a3_both_get_in_while_rotating_and_only_the_new_one_afterwards(server: Server) {
    let (old, new) = (secret("old"), secret("new"));
    let tokens = SecretTokens::new(old.clone());
    let with = |secret: &SecretToken| Call::new(MESSAGE).with(SECRET_HEADER, secret.expose());
    let bots = bots_admitting(server, &tokens, nothing).await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for bot in &bots {
            let answers = [bot.send(&with(&old)).await, bot.send(&with(&new)).await];
            statuses.push(answers.map(|answer| answer.status));
        }
        statuses.dedup();
        statuses
    };
    assert_eq!(statuses().await, [[200, 401]]);
    tokens.add(new.clone());
    assert_eq!(statuses().await, [[200, 200]]);
    assert!(tokens.remove(&old));
    assert_eq!(statuses().await, [[401, 200]]);
    assert!(!tokens.remove(&old));
    assert!(tokens.remove(&new));
    assert_eq!(statuses().await, [[401, 401]]);
    for bot in bots {
        assert_eq!(bot.handled().len(), 4, "{bot}");
    }
}

async fn a4_each_secret_leads_to_its_own_bot(server: Server) {
    let secrets: Vec<_> = (1..=40)
        .map(|id| (BotId(id), SecretToken::derive(b"key", BotId(id))))
        .collect();
    let tokens: SecretTokens = secrets.iter().cloned().collect();
    for bot in bots_admitting(server, &tokens, nothing).await {
        for (id, secret) in &secrets {
            let call = Call::new(MESSAGE).with(SECRET_HEADER, secret.expose());
            assert_eq!(bot.send(&call).await.status, 200, "{bot}");
            let handled = bot.handled();
            assert_eq!(handled.len(), 1, "{bot}");
            assert_eq!(handled[0].bot, Some(*id), "{bot}");
        }
        let stranger = SecretToken::derive(b"key", BotId(41));
        let call = Call::new(MESSAGE).with(SECRET_HEADER, stranger.expose());
        assert_eq!(bot.send(&call).await.status, 401, "{bot}");
        assert_eq!(bot.handled(), [], "{bot}");
    }
}

async fn a4_a_bots_secret_can_be_rotated_too(server: Server) {
    let tokens: SecretTokens = [(BotId(1), secret("one")), (BotId(2), secret("two"))]
        .into_iter()
        .collect();
    for bot in bots_admitting(server, &tokens, nothing).await {
        tokens.add_for(BotId(1), secret("one-new"));
        for (text, id) in [("one", 1), ("one-new", 1), ("two", 2)] {
            let call = Call::new(MESSAGE).with(SECRET_HEADER, text);
            assert_eq!(bot.send(&call).await.status, 200, "{bot}");
            assert_eq!(bot.handled()[0].bot, Some(BotId(id)), "{bot}: {text}");
        }
    }
}

#[test]
fn a5_what_telegram_wouldnt_take_is_refused_when_it_is_made() {
    assert_eq!(SecretToken::new(""), Err(InvalidSecretToken::Empty));
    assert_eq!(
        SecretToken::new(&"x".repeat(257)),
        Err(InvalidSecretToken::TooLong { length: 257 })
    );
    for bad in ["!", " ", "\u{e9}", "\r\n", ".", "/", "+", "="] {
        let parsed: Result<SecretToken, _> = format!("ab{bad}").parse();
        assert_eq!(
            parsed,
            Err(InvalidSecretToken::Character { at: 2 }),
            "{bad:?}"
        );
    }
    for good in ["a", "A-Za-z0-9_-", &"x".repeat(256)] {
        assert_eq!(secret(good).expose(), good);
    }
}

async fn a5_the_longest_secret_gets_in(server: Server) {
    let longest = "x".repeat(256);
    for bot in bots_admitting(server, &secret(&longest).into(), nothing).await {
        let call = Call::new(MESSAGE).with(SECRET_HEADER, &*longest);
        assert_eq!(bot.send(&call).await.status, 200, "{bot}");
        let call = Call::new(MESSAGE).with(SECRET_HEADER, &longest[1..]);
        assert_eq!(bot.send(&call).await.status, 401, "{bot}");
    }
}
