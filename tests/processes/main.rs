//! Replicas of a bot around a queue in Redis, two of which are killed on the way.
//!
//! `cargo run -p processes` starts a `redis-server` (which must be installed), a Telegram on loopback, two processes
//! with the webhook and two workers with the handler. It sends updates from some chats through a single address,
//! kills a process of each kind with SIGKILL, and counts how often each update was handled. It ends with 0 if that was
//! once each and in each chat's order, with 1 if not, and with 2 if it can't start.

mod bot;
mod database;
mod failure;
mod front;
mod process;
mod verdict;
mod webhook;
mod worker;

use std::{env, process::ExitCode, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tower_telegram::{redis::RedisQueue, shutdown_signal};
use tower_telegram_test::{Telegram, update};

use self::{
    bot::Surroundings,
    database::Database,
    failure::{Failure, say},
    front::Front,
    process::Process,
    verdict::Verdict,
};

const UPDATES: u64 = 400;
const CHATS: u64 = 16;

/// Between two updates.
const PACE: Duration = Duration::from_millis(10);

/// For all of it.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let role = env::args().nth(1);
    let ended = match role.as_deref() {
        None => conduct().await,
        Some("webhook") => webhook::serve().await.map(|()| true),
        Some("worker") => worker::work().await.map(|()| true),
        Some(other) => Err(std::io::Error::other(format!("{other} is no role")).into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[allow(clippy::print_stderr)]
fn complain(error: &Failure) {
    eprintln!("{error:?}");
}

/// Plays it, and kills all children at its end, whichever it is.
async fn conduct() -> Result<bool, Failure> {
    let stop = shutdown_signal()?;
    tokio::select! {
        played = timeout(STEP_TIMEOUT, play()) => played?,
        () = stop => Err(std::io::Error::other("told to stop").into()),
    }
}

/// Whether all went as it should.
async fn play() -> Result<bool, Failure> {
    let database = Database::start().await?;
    let telegram = Telegram::start().await?;
    let surroundings = Surroundings::new(&database, &telegram);
    let mut webhooks = [
        Process::start("webhook", &surroundings).await?,
        Process::start("webhook", &surroundings).await?,
    ];
    let mut workers = [
        Process::start("worker", &surroundings).await?,
        Process::start("worker", &surroundings).await?,
    ];
    let addresses = webhooks.each_ref().map(|webhook| webhook.said.clone());
    let front = Front::start(addresses.into()).await?;
    telegram.set_webhook(&front.url, bot::SECRET)?;
    say(&format!(
        "redis on port {}, webhooks {} and {}, workers {} and {}",
        database.port, webhooks[0].id, webhooks[1].id, workers[0].id, workers[1].id,
    ));

    say(&format!("sending {UPDATES} updates from {CHATS} chats"));
    let began = Instant::now();
    for number in 0..UPDATES {
        if number == UPDATES / 4 {
            say(&format!("killing webhook {}", webhooks[0].id));
            webhooks[0].kill().await?;
        }
        if number == UPDATES / 2 {
            say(&format!("killing worker {}", workers[0].id));
            workers[0].kill().await?;
        }
        telegram.enqueue(update::text(chat(number), &number.to_string()))?;
        sleep(PACE).await;
    }
    let queue = RedisQueue::new(database.connection()?, bot::NAME);
    until_quiet(&telegram, &queue).await?;
    let took = began.elapsed();

    let book = database.book(CHATS).await?;
    let verdict = Verdict::of(&book, UPDATES, chat, workers[0].id);
    say(&format!("handled in {:.1} s", took.as_secs_f64()));
    say(&verdict.to_string());
    Ok(verdict.is_good())
}

#[allow(clippy::cast_possible_wrap)]
fn chat(number: u64) -> i64 {
    (number % CHATS) as i64 + 1
}

/// Nothing is with Telegram any more, and nothing in the queue.
async fn until_quiet(telegram: &Telegram, queue: &RedisQueue) -> Result<(), Failure> {
    while telegram.pending_updates() > 0 || queue.status().await?.updates > 0 {
        sleep(PACE).await;
    }
    Ok(())
}
