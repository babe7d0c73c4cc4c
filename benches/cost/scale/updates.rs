//! Updates while ids, chats, running handlers, waiting updates or sessions are held.

use std::{convert::Infallible, future::pending, hint::black_box, iter, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tower::{Layer as _, Service as _, service_fn};
use tower_telegram::{
    router::{
        Router,
        session::{MemorySessions, SessionStore as _},
    },
    types::Update,
    webhook::{
        DeliveryLayer, RawUpdate, ReplyBody, SequenceLayer,
        delivery::{Claim, DeliveryKey, DeliveryStore as _, MemoryStore},
    },
};
use tower_telegram_benches::count::BoxError;

use super::{Round, ScalePath, output, path, waiting};

pub(super) const ALL: &[ScalePath] = &[
    path("claim and finish, ids in order", 1 << 20, |held| {
        claim(held, 1)
    }),
    // Like those of many bots: hardly two are in one block of ids.
    path("claim and finish, scattered ids", 1 << 17, |held| {
        claim(held, 1_000_003)
    }),
    path("claim of a handled update", 1 << 17, claim_handled),
    path("delivery, other handlers run", 1 << 17, delivery),
    path("turn of a chat, others have theirs", 1 << 17, turn),
    path("place in a chat's queue", 1 << 17, place),
    path("session that is written and read", 1 << 17, session),
    path("command of a router with so many", 1 << 12, command),
];

/// Each new id takes the place of the oldest.
fn claim(held: i64, apart: i64) -> Result<Round, BoxError> {
    let store = MemoryStore::with_capacity(usize::try_from(held)?);
    for id in 0..held {
        handle(&store, id * apart)?;
    }
    Ok(Box::new(move |n| handle(&store, (held + n) * apart)))
}

fn handle(store: &MemoryStore, id: i64) -> Result<(), BoxError> {
    match output(store.claim(DeliveryKey::new(None, id)))?? {
        Claim::Acquired(token) => output(store.finish(&token, None))??,
        other => return Err(format!("update {id} is claimed: {other:?}").into()),
    };
    Ok(())
}

/// Commands of the same length, so that a comparison of names costs the same.
fn command(held: i64) -> Result<Round, BoxError> {
    let mut router: Router = Router::new();
    for number in 0..held {
        router = router.command(&*format!("c{number:07}"), async || {});
    }
    let text = format!("/c{:07}", held / 3);
    let update = json!({"update_id": 1, "message": {"message_id": 1, "date": 1,
        "chat": {"id": 1, "type": "private"}, "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": text.len()}]}});
    let update: Update = serde_json::from_value(update)?;
    Ok(Box::new(move |_| {
        let reply = output(router.call(Request::new(update.clone())))??;
        black_box(reply);
        Ok(())
    }))
}

fn claim_handled(held: i64) -> Result<Round, BoxError> {
    let store = MemoryStore::with_capacity(2 * usize::try_from(held)?);
    for id in 0..held {
        handle(&store, id)?;
    }
    Ok(Box::new(move |n| {
        let key = DeliveryKey::new(None, spread(n, held));
        match output(store.claim(key))?? {
            Claim::Done { .. } => Ok(()),
            other => Err(format!("a handled update is claimed: {other:?}").into()),
        }
    }))
}

fn delivery(held: i64) -> Result<Round, BoxError> {
    let handler = service_fn(move |request: Request<RawUpdate>| async move {
        if request.body().update_id() <= held {
            pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(ReplyBody::default()))
    });
    let layer = DeliveryLayer::new().max_running(usize::MAX);
    let mut service = layer.layer(handler);
    let running: Result<Vec<_>, _> = (1..=held)
        .map(|chat| waiting(service.call(update(chat)?)))
        .collect();
    let running = running?;
    Ok(Box::new(move |n| {
        black_box(&running);
        black_box(output(service.call(update(held + 1 + n)?))??);
        Ok(())
    }))
}

/// A service whose handler is ready at once, below the layer.
macro_rules! sequence {
    ($layer:expr) => {
        $layer.layer(service_fn(async |_: Request<RawUpdate>| {
            Ok::<_, Infallible>(Response::new(()))
        }))
    };
}

/// A turn begins with the call, and ends with its future.
fn turn(held: i64) -> Result<Round, BoxError> {
    let mut service = sequence!(SequenceLayer::new());
    let turns: Result<Vec<_>, BoxError> = (1..=held)
        .map(|chat| Ok(service.call(update(chat)?)))
        .collect();
    let turns = turns?;
    Ok(Box::new(move |n| {
        black_box(&turns);
        black_box(output(service.call(update(held + 1 + n)?))??);
        Ok(())
    }))
}

/// One more update of a chat waits, and its request hangs up.
fn place(held: i64) -> Result<Round, BoxError> {
    let layer = SequenceLayer::new()
        .max_waiting(usize::MAX)
        .max_waiting_per_key(usize::MAX);
    let mut service = sequence!(layer);
    let first = service.call(update(1)?);
    let queue: Result<Vec<_>, _> = iter::repeat_with(|| waiting(service.call(update(1)?)))
        .take(usize::try_from(held)?)
        .collect();
    let queue = queue?;
    Ok(Box::new(move |_| {
        black_box((&first, &queue));
        waiting(service.call(update(1)?)).map(drop)
    }))
}

/// Each new session takes the place of the oldest.
fn session(held: i64) -> Result<Round, BoxError> {
    let store = MemorySessions::with_capacity(usize::try_from(held)?);
    let save = move |chat: i64| -> Result<(), BoxError> {
        let key = format!("chat:{chat:09}");
        let value = Some(Bytes::from_static(b"{}"));
        let hour = Duration::from_secs(60 * 60);
        let saved = output(store.save(&key, None, value, hour))??;
        let found = output(store.load(&key))??;
        if saved && found.is_some() {
            return Ok(());
        }
        Err("the session isn't kept".into())
    };
    (1..=held).try_for_each(&save)?;
    Ok(Box::new(move |n| save(held + 1 + n)))
}

/// An update with a chat that has the same number. All are equally long.
fn update(chat: i64) -> Result<Request<RawUpdate>, BoxError> {
    let json = format!(
        r#"{{"update_id":{chat},"message":{{"chat":{{"id":{}}}}}}}"#,
        1_000_000_000 + chat
    );
    Ok(Request::new(RawUpdate::from_bytes(json.into())?))
}

/// A number below `most`, which differs from those of the rounds before.
fn spread(n: i64, most: i64) -> i64 {
    n * 7919 % most
}
