//! Two replicas of a bot, and updates that come to the one and then the other.

use std::{
    collections::{HashMap, HashSet},
    future::{pending, ready},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{BoxError, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    Reply, handler_fn,
    methods::SendDocument,
    types::InputFile,
    webhook::{DeliveryLayer, RawUpdate, ReplyBody, ReplyLayer},
};

use super::server::{RedisServer, SECOND};
use crate::delivery::stores::{json_of, reply};

type Bot = BoxCloneSyncService<Request<RawUpdate>, Response<ReplyBody>, BoxError>;

/// The handled updates of all replicas together.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<HashMap<i64, Entry>>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    begun: u32,
    succeeded: u32,
}

impl Book {
    fn entries(&self) -> MutexGuard<'_, HashMap<i64, Entry>> {
        self.0.lock().unwrap()
    }

    fn of(&self, id: i64) -> Entry {
        self.entries().get(&id).copied().unwrap_or_default()
    }

    /// How often it has begun by now.
    fn begin(&self, id: i64) -> u32 {
        let mut entries = self.entries();
        let entry = entries.entry(id).or_default();
        entry.begun += 1;
        entry.begun
    }

    fn succeed(&self, id: i64) {
        self.entries().entry(id).or_default().succeeded += 1;
    }

    async fn until_begun(&self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            while self.of(id).begun == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Has a runtime and a connection of its own like a process.
struct Replica {
    bot: Bot,
    runtime: Option<Runtime>,
}

impl Replica {
    fn start<H, F>(server: &RedisServer, lease: Duration, handler: H) -> Self
    where
        H: Fn(i64) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Reply, BoxError>> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // The connection belongs to the runtime in which it is made.
        let entered = runtime.enter();
        let store = server.store().lease(lease).timeout(SECOND / 2);
        drop(entered);
        let service = ServiceBuilder::new()
            .layer(DeliveryLayer::with_store(store))
            .layer(ReplyLayer::new())
            .service(handler_fn(move |update: RawUpdate| {
                handler(update.update_id())
            }))
            .map_err(BoxError::from);
        Self {
            bot: BoxCloneSyncService::new(service),
            runtime: Some(runtime),
        }
    }

    /// Telegram's response; `None` if the replica dies before. The caller hangs up when this is dropped.
    async fn deliver(&self, id: i64) -> Option<Response<ReplyBody>> {
        let json = format!(r#"{{"update_id":{id},"poll":{{"id":"1"}}}}"#);
        let update = RawUpdate::from_bytes(json.into()).unwrap();
        let asking = self.bot.clone().oneshot(Request::new(update));
        let mut connection = JoinSet::new();
        connection.spawn_on(asking, self.runtime.as_ref()?.handle());
        let answer = connection.join_next().await?.ok()?;
        Some(answer.expect("errors are answers"))
    }

    /// Delivers until it is taken, as Telegram does, only sooner. The reply's text.
    async fn deliver_until_taken(&self, id: i64) -> String {
        let delivering = async {
            loop {
                let answer = self.deliver(id).await.unwrap();
                if answer.status().is_success() {
                    return answer.into_body().collect().await.unwrap().to_bytes();
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let taken = timeout(40 * SECOND, delivering).await;
        let reply = taken.unwrap_or_else(|_| panic!("update {id} is never taken"));
        String::from_utf8(reply.to_vec()).unwrap()
    }

    /// As `kill -9` would.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

fn assert_redelivered_later(answer: &Response<ReplyBody>) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn d11_updates_that_come_to_both_replicas_succeed_once() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let book = Book::default();
    let handler = {
        let book = book.clone();
        move |id| {
            let book = book.clone();
            async move {
                let begun = book.begin(id);
                tokio::task::yield_now().await;
                if id % 3 == 0 && begun == 1 {
                    return Err("the first time fails".into());
                }
                book.succeed(id);
                Ok(Reply::nothing())
            }
        }
    };
    let replicas = [0, 1].map(|_| Replica::start(&server, 30 * SECOND, handler.clone()));
    let replicas = Arc::new(replicas);
    let mut telegram = JoinSet::new();
    for id in 0..200 {
        for turn in 0..4 {
            let replicas = replicas.clone();
            telegram.spawn(async move { replicas[turn % 2].deliver_until_taken(id).await });
        }
    }
    telegram.join_all().await;
    for id in 0..200 {
        let begun = if id % 3 == 0 { 2 } else { 1 };
        let succeeded = 1;
        assert_eq!(book.of(id), Entry { begun, succeeded }, "update {id}");
    }
}

#[tokio::test]
async fn d16_each_redelivery_has_the_reply_whichever_replica_it_comes_to() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (book, go) = (Book::default(), Arc::new(Semaphore::new(0)));
    let handler = {
        let (book, go) = (book.clone(), go.clone());
        move |id| {
            let (book, go) = (book.clone(), go.clone());
            async move {
                book.begin(id);
                go.acquire().await?.forget();
                book.succeed(id);
                Ok(reply("late"))
            }
        }
    };
    let one = Replica::start(&server, 30 * SECOND, handler.clone());
    let other = Replica::start(&server, 30 * SECOND, handler);
    tokio::select! {
        answer = one.deliver(1) => panic!("{answer:?}"),
        () = book.until_begun([1]) => {}
    }
    go.add_permits(1);
    let asking = async {
        loop {
            let had = other.deliver_until_taken(1).await;
            if !had.is_empty() {
                return had;
            }
        }
    };
    let had = timeout(20 * SECOND, asking).await;
    assert_eq!(had, Ok(json_of(&reply("late"))));
    for replica in [&other, &one, &other] {
        let had = replica.deliver_until_taken(1).await;
        assert_eq!(had, json_of(&reply("late")));
    }
    assert_eq!(book.of(1).begun, 1);
}

/// The replica that made the reply is gone, and its files with it.
#[tokio::test]
async fn d16_a_reply_with_files_is_given_by_another_replica() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let path = std::env::temp_dir().join(format!("kept-reply-{}", std::process::id()));
    std::fs::write(&path, "on the disk").unwrap();
    let book = Book::default();
    let handler = {
        let (book, path) = (book.clone(), path.clone());
        move |id| {
            book.begin(id);
            let file = match id {
                1 => InputFile::bytes("a.txt", "in memory"),
                2 => InputFile::path(&path),
                _ => InputFile::reader("a.txt", &b"from a reader"[..], None),
            };
            book.succeed(id);
            ready(Ok(SendDocument::new(7, file).into()))
        }
    };
    let mut one = Replica::start(&server, 30 * SECOND, handler.clone());
    let other = Replica::start(&server, 30 * SECOND, handler);
    let contents = [(1, "in memory"), (2, "on the disk"), (3, "from a reader")];
    for (id, content) in contents {
        let had = one.deliver_until_taken(id).await;
        assert!(had.contains(content), "{had}");
    }
    one.kill();
    std::fs::remove_file(&path).unwrap();
    for (id, content) in contents {
        for _ in 0..2 {
            let had = other.deliver_until_taken(id).await;
            if id == 3 {
                assert_eq!(had, "", "a reader can be read once");
                continue;
            }
            assert!(had.contains(content), "{had}");
            assert!(had.contains("name=\"chat_id\""), "{had}");
        }
        assert_eq!(book.of(id).begun, 1, "update {id}");
    }
}

#[tokio::test]
async fn d11_what_a_replica_had_begun_when_it_died_another_handles() {
    const IDS: std::ops::Range<i64> = 0..20;
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let book = Book::default();
    let stuck = {
        let book = book.clone();
        move |id| {
            book.begin(id);
            pending()
        }
    };
    let handler = {
        let book = book.clone();
        move |id| {
            book.begin(id);
            book.succeed(id);
            ready(Ok(Reply::nothing()))
        }
    };
    let mut dying = Replica::start(&server, SECOND, stuck);
    let other = Replica::start(&server, SECOND, handler);
    for id in IDS {
        // The caller hangs up, and the handler goes on.
        tokio::select! {
            answer = dying.deliver(id) => panic!("{answer:?}"),
            () = book.until_begun([id]) => {}
        }
    }
    // As long as it lives, it keeps its claims.
    let began = Instant::now();
    while began.elapsed() < 2 * SECOND {
        for id in IDS {
            assert_redelivered_later(&other.deliver(id).await.unwrap());
        }
        sleep(SECOND / 10).await;
    }
    dying.kill();
    for id in IDS {
        other.deliver_until_taken(id).await;
    }
    let expected = Entry {
        begun: 2,
        succeeded: 1,
    };
    for id in IDS {
        assert_eq!(book.of(id), expected, "update {id}");
    }
}

#[tokio::test]
async fn d12_while_redis_is_down_nothing_is_handled_and_then_all_goes_on() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let book = Book::default();
    let (open, gate) = watch::channel(HashSet::from([1, 3]));
    let handler = {
        let book = book.clone();
        move |id| {
            let (book, mut gate) = (book.clone(), gate.clone());
            async move {
                book.begin(id);
                gate.wait_for(|open| open.contains(&id)).await?;
                book.succeed(id);
                Ok(Reply::nothing())
            }
        }
    };
    let one = Replica::start(&server, 30 * SECOND, handler.clone());
    let other = Replica::start(&server, 30 * SECOND, handler);
    one.deliver_until_taken(1).await;
    other.deliver_until_taken(1).await;

    let stopped_under_way = async {
        book.until_begun([2]).await;
        server.stop().await;
        for id in [1, 3] {
            assert_redelivered_later(&other.deliver(id).await.unwrap());
        }
        assert_eq!(book.of(3), Entry::default());
        open.send_modify(|open| {
            open.insert(2);
        });
    };
    let (answer, ()) = tokio::join!(one.deliver(2), stopped_under_way);
    // It is done, and only Redis doesn't know yet.
    assert_eq!(answer.unwrap().status(), StatusCode::OK);

    server.start_again().await;
    for id in [3, 2, 1] {
        other.deliver_until_taken(id).await;
    }
    let expected = Entry {
        begun: 1,
        succeeded: 1,
    };
    for id in 1..=3 {
        assert_eq!(book.of(id), expected, "update {id}");
    }
}
