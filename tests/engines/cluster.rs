//! Nodes of NATS that are killed while updates are added and handled: one alone, and one of three.

use std::sync::Arc;

use tokio::task::JoinSet;
use tower_telegram::{
    Client,
    nats::NatsQueue,
    queue::{QueuedDeadLetter, Worker},
};

use crate::{
    engine::{Engine, Options},
    node::{self, Node},
    process::Folder,
    queue::{AttemptLog, SECOND, assert_redelivered_later, done, message, updates},
    support::{deliver, deliver_until_taken, start_worker, until_updates},
};

const CHATS: i64 = 40;
/// How many replicas of the webhook add updates at the same time.
const REPLICAS: i64 = 8;

struct Cluster {
    urls: Vec<String>,
    replicas: usize,
}

impl Cluster {
    async fn queue(&self) -> NatsQueue {
        let context = node::connect(&self.urls).await;
        let queue = NatsQueue::new(context, "bot").expect("it is a name");
        queue
            .replicas(self.replicas)
            .partitions(4)
            .lease(2 * SECOND)
    }
}

impl Engine for Cluster {
    type Writer = NatsQueue;

    async fn start(_: Options) -> Self {
        unreachable!("its nodes are the test's")
    }

    async fn writer(&self) -> NatsQueue {
        self.queue().await
    }

    async fn worker(&self, client: Client) -> Worker {
        self.queue().await.worker(client)
    }

    async fn updates(&self) -> usize {
        let status = self.queue().await.status().await;
        // Not while a leader is being elected.
        status.map_or(usize::MAX, |status| status.updates)
    }

    async fn dead_letters(&self) -> Vec<QueuedDeadLetter> {
        Vec::new()
    }
}

/// Adds the updates of some chats, in the order of each chat.
async fn add(queue: NatsQueue, replica: i64, updates: i64) {
    for id in (0..updates).filter(|id| id % CHATS % REPLICAS == replica) {
        deliver_until_taken(&queue, message(id, id % CHATS)).await;
    }
}

#[allow(clippy::print_stdout)] // the figure
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d33_a_node_of_three_that_is_killed_loses_no_update_and_no_order() {
    let (folder, updates) = (Folder::new(), updates());
    let mut nodes = node::start_cluster(&folder).await;
    let urls: Vec<_> = nodes.iter().map(|node| node.url.clone()).collect();
    let (replicas, log) = (3, AttemptLog::default());
    let engine = Arc::new(Cluster { urls, replicas });
    let queue = engine.writer().await;
    // The cluster elects its leaders first.
    deliver_until_taken(&queue, message(0, 0)).await;
    let workers = [(); 2].map(|()| start_worker(&engine, &log, async |_, _| Ok(done())));
    let mut replicas = JoinSet::new();
    for replica in 0..REPLICAS {
        replicas.spawn(add(engine.writer().await, replica, updates));
    }
    let third = usize::try_from(updates / 3).unwrap();
    log.until_succeeded(third).await;
    kill_leader(&mut nodes, &engine.urls).await;
    replicas.join_all().await;
    until_updates(&*engine, 0).await;
    for worker in workers {
        worker.stop().await;
    }
    log.assert_in_order(updates, CHATS);
    // Though the first is put there twice, and others again after a response that was lost.
    assert_eq!(stored(&engine.urls).await, u64::try_from(updates).unwrap());
    let twice = log.succeeded().len() - usize::try_from(updates).unwrap();
    println!("{updates} updates: none lost, each chat in order, {twice} handled again");
}

#[tokio::test]
async fn d12_while_the_node_is_down_updates_are_redelivered_and_then_all_goes_on() {
    let folder = Folder::new();
    let mut node = node::start_alone(&folder).await;
    let (urls, replicas) = (vec![node.url.clone()], 1);
    let (engine, log) = (Arc::new(Cluster { urls, replicas }), AttemptLog::default());
    let queue = engine.writer().await;
    deliver_until_taken(&queue, message(0, 7)).await;
    let worker = start_worker(&engine, &log, async |_, _| Ok(done()));
    log.until_succeeded(1).await;
    node.process.kill();
    assert_redelivered_later(&deliver(&queue, message(1, 7)).await);
    let _node = node::start_again(&folder, &node).await;
    for id in 1..=20 {
        deliver_until_taken(&queue, message(id, 7)).await;
    }
    log.until_succeeded(21).await;
    until_updates(&*engine, 0).await;
    worker.stop().await;
    log.assert_in_order(21, 1);
}

/// How many updates the stream has stored since it was made.
async fn stored(urls: &[String]) -> u64 {
    let context = node::connect(urls).await;
    let stream = context.get_stream("bot_updates").await.unwrap();
    stream.cached_info().state.last_sequence
}

/// Kills the node that leads the stream of updates: the others have to elect another one.
async fn kill_leader(nodes: &mut [Node], urls: &[String]) {
    let context = node::connect(urls).await;
    let stream = context.get_stream("bot_updates").await.unwrap();
    let cluster = stream.cached_info().cluster.as_ref();
    let leader = cluster.and_then(|cluster| cluster.leader.clone()).unwrap();
    let leader = nodes.iter_mut().find(|node| node.name == leader);
    leader.expect("it is a node").process.kill();
}
