//! F4, F10: a dropped call leaves no task and no permit behind, and the client still works. Many calls at once share one
//! client.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use tokio::{io::duplex, runtime::Handle};
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer};
use tower_telegram::{
    Client,
    client::{ClientBuilder, HttpTransport},
    methods::{GetMe, SetChatPhoto},
    types::InputFile,
};

use crate::{
    client::answers::settle,
    support::scripted::{Scripted, Step, ok},
};

const ME: &str = r#"{"id":7,"is_bot":true,"first_name":"B"}"#;

fn builder(server: &Scripted) -> ClientBuilder<HttpTransport> {
    let client = Client::builder(&"7:secret".parse().expect("a token"));
    client.base_url(&server.url()).expect("a URL")
}

/// Polls a call until the condition holds, and a few times more, and drops it.
async fn cancel<F: Future>(call: F, so_far: impl Fn() -> bool) {
    let mut call = pin!(call);
    let mut more = 20;
    for _ in 0..1_000_000 {
        let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
        assert!(!polled, "it isn't done");
        more -= u32::from(so_far());
        if more == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never comes so far");
}

/// Polls a call once, and drops it.
async fn begin<F: Future>(call: F) {
    let mut call = pin!(call);
    let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
    assert!(!polled, "it isn't done");
}

#[tokio::test]
async fn f4_a_dropped_call_leaves_no_task_and_no_permit() {
    let tasks = Handle::current().metrics();
    let half = Step::Write(ok(ME)[..ok(ME).len() - 9].to_vec());
    for script in [
        vec![Step::Read, Step::Wait],
        vec![Step::Read, half, Step::Wait],
    ] {
        let steps = script.len() - 1;
        let server = Scripted::start(std::iter::repeat_n(script, 5), ME).await;
        let idle = tasks.num_alive_tasks();
        let client = builder(&server)
            .layer(ConcurrencyLimitLayer::new(1))
            .build();
        for call in 1..=5 {
            cancel(client.send(GetMe::new()), || server.steps() == call * steps).await;
        }
        let me = client.send(GetMe::new()).await;
        assert_eq!(me.expect("the permit is back").id, 7);
        drop(client);
        settle(|| tasks.num_alive_tasks() <= idle).await;
    }
}

#[tokio::test]
async fn f4_a_call_that_is_dropped_before_or_while_it_connects_leaves_no_task() {
    let tasks = Handle::current().metrics();
    let server = Scripted::start([], ME).await;
    let idle = tasks.num_alive_tasks();
    let client = builder(&server)
        .layer(ConcurrencyLimitLayer::new(1))
        .build();
    for _ in 0..5 {
        drop(client.send(GetMe::new()));
        begin(client.send(GetMe::new())).await;
    }
    assert_eq!(client.send(GetMe::new()).await.expect("a result").id, 7);
    drop(client);
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

#[tokio::test]
async fn f4_a_dropped_upload_drops_its_reader() {
    let tasks = Handle::current().metrics();
    let server = Scripted::start([vec![Step::ReadHead, Step::Wait]], "true").await;
    let idle = tasks.num_alive_tasks();
    let client = builder(&server)
        .layer(ConcurrencyLimitLayer::new(1))
        .build();
    let (mut source, reader) = duplex(1 << 10);
    let file = InputFile::reader("a", reader, None);
    cancel(client.send(SetChatPhoto::new(7, file)), || {
        server.steps() == 1
    })
    .await;
    // The reader was dropped.
    let content = vec![7; 1 << 20];
    let written = tokio::io::AsyncWriteExt::write_all(&mut source, &content);
    let written = tokio::time::timeout(Duration::from_secs(20), written).await;
    written
        .expect("it doesn't hang")
        .expect_err("the reader was dropped");
    let file = InputFile::bytes("a", &b"content"[..]);
    let done = client.send(SetChatPhoto::new(7, file)).await;
    assert!(done.expect("the permit is back"));
    drop(client);
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

/// Opening a file on the disk can't be stopped, but the call doesn't wait for it.
#[tokio::test]
async fn f4_a_call_that_is_dropped_while_its_file_is_opened_leaves_no_task() {
    let tasks = Handle::current().metrics();
    let server = Scripted::start([], "true").await;
    let idle = tasks.num_alive_tasks();
    let client = builder(&server)
        .layer(ConcurrencyLimitLayer::new(1))
        .build();
    let path = std::env::current_exe().expect("this test");
    for _ in 0..5 {
        let file = InputFile::path(&path);
        begin(client.send(SetChatPhoto::new(7, file))).await;
    }
    let file = InputFile::bytes("a", &b"content"[..]);
    let done = client.send(SetChatPhoto::new(7, file)).await;
    assert!(done.expect("the permit is back"));
    assert_eq!(
        server.received().len(),
        1,
        "none was sent after it was dropped"
    );
    drop(client);
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

/// A download that isn't read to its end keeps neither its connection nor a task.
#[tokio::test]
async fn f9_a_dropped_download_leaves_no_task() {
    let tasks = Handle::current().metrics();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n".to_vec();
    let script = vec![
        Step::Read,
        Step::Write(head),
        Step::WriteForever(vec![7; 10_000]),
    ];
    let server = Scripted::start([script.clone(), script], ME).await;
    let idle = tasks.num_alive_tasks();
    let client = builder(&server)
        .layer(ConcurrencyLimitLayer::new(1))
        .build();
    let file = serde_json::json!({"file_id": "a", "file_unique_id": "b", "file_path": "c"});
    let file = serde_json::from_value(file).expect("a file");
    let unread = client.download(&file).await.expect("its beginning");
    let mut begun = client.download(&file).await.expect("its beginning");
    assert!(begun.chunk().await.expect("a piece").is_some());
    drop((unread, begun));
    assert_eq!(client.send(GetMe::new()).await.expect("a result").id, 7);
    drop(client);
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

/// Running calls keep the services that they need.
#[tokio::test]
async fn f4_running_calls_outlive_their_client() {
    let tasks = Handle::current().metrics();
    let server = Scripted::start([], ME).await;
    let idle = tasks.num_alive_tasks();
    let client = builder(&server).build();
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.send(GetMe::new()).await })
    });
    let calls: Vec<_> = calls.collect();
    drop(client);
    for call in calls {
        let me = call.await.expect("it doesn't panic");
        assert_eq!(me.expect("a result").id, 7);
    }
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

#[tokio::test]
async fn f10_a_thousand_calls_at_once_share_a_client() {
    let tasks = Handle::current().metrics();
    let server = Scripted::start([], ME).await;
    let idle = tasks.num_alive_tasks();
    let limit = GlobalConcurrencyLimitLayer::new(50);
    let client = builder(&server).layer(limit).build();
    let calls = (0..1000).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.send(GetMe::new()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let me = call.await.expect("it doesn't panic");
        assert_eq!(me.expect("a result").id, 7);
    }
    assert_eq!(server.received().len(), 1000);
    assert!(server.connections() <= 50, "{}", server.connections());
    drop(client);
    settle(|| tasks.num_alive_tasks() <= idle).await;
}

/// A client that was made and used on a runtime works on another after the first has ended.
#[test]
fn f10_a_client_outlives_a_runtime() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let serving = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let server = serving.block_on(Scripted::start([], ME));
    let client = builder(&server).build();
    for _ in 0..3 {
        let me = runtime().block_on(client.send(GetMe::new()));
        assert_eq!(me.expect("a result").id, 7);
    }
}
