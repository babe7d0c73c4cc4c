//! The cost of one more update or call while many are held: ids, chats, calls that wait, sessions.
//!
//! A round among the many may cost only a little more than one among the few, in instructions and in allocations. Callgrind
//! counts the rounds alone, without the code that fills the tables.

mod calls;
mod updates;

use std::{
    collections::BTreeMap,
    num::NonZero,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use tower_telegram_benches::count::{BoxError, RoundCost, counted, counted_cost};

/// Like the many a power of two, so that the hash tables are as full.
const FEW: i64 = 1 << 10;

/// So few that no hash table grows in them.
const ROUNDS: u32 = 500;

/// The most that a round among the many may cost, as a multiple of one among the few.
const MOST: f64 = 1.04;

/// The most that it may allocate more. Blocks of ids and segments of queues are allocated once in many rounds.
const MORE_ALLOCATIONS: f64 = 0.05;

/// A path that costs the same however much is held.
#[derive(Clone, Copy)]
struct ScalePath {
    name: &'static str,
    /// As many as are held in a few seconds.
    many: i64,
    hold: fn(i64) -> Result<Round, BoxError>,
}

/// Runs the n-th round, from 0 on, beside the held ids, chats or calls.
type Round = Box<dyn FnMut(i64) -> Result<(), BoxError>>;

const fn path(
    name: &'static str,
    many: i64,
    hold: fn(i64) -> Result<Round, BoxError>,
) -> ScalePath {
    ScalePath { name, many, hold }
}

fn all() -> impl Iterator<Item = &'static ScalePath> {
    updates::ALL.iter().chain(calls::ALL)
}

/// Runs one of the paths, if it has this name.
pub(crate) fn run(name: &str, rounds: u32) -> Option<Result<(), BoxError>> {
    let (name, held) = name.split_once(" among ")?;
    let path = all().find(|path| path.name == name)?;
    Some(rounds_of(path, held.parse().ok()?, rounds))
}

fn rounds_of(path: &ScalePath, held: i64, rounds: u32) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _context = runtime.enter();
    let mut round = (path.hold)(held)?;
    // Initialization at the first use doesn't count.
    round(0)?;
    let mut result = Ok(());
    counted(&mut || result = (1..=i64::from(rounds)).try_for_each(&mut round));
    result
}

/// Counts the paths, and prints a line for each.
///
/// # Errors
///
/// If one of them costs more among the many, or can't be counted.
pub(crate) fn check() -> Result<(), BoxError> {
    println!(
        "\n| path | held | instructions | allocations | held | instructions | allocations | ratio |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut grown = Vec::new();
    for (path, counts) in all().zip(count_all()) {
        let (few, many) = counts?;
        println!("{}", line(path, few, many));
        let dearer = many.instructions > MOST * few.instructions;
        if dearer || many.allocations > few.allocations + MORE_ALLOCATIONS {
            grown.push(path.name);
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!("these cost more while more is held: {}", grown.join("; ")).into())
}

fn line(path: &ScalePath, few: RoundCost, many: RoundCost) -> String {
    let ratio = many.instructions / few.instructions;
    let count = |cost: RoundCost| format!("{:.0} | {:.2}", cost.instructions, cost.allocations);
    let (few, many) = (count(few), count(many));
    let ScalePath {
        name, many: held, ..
    } = path;
    format!("| {name} | {FEW} | {few} | {held} | {many} | {ratio:.3} |")
}

type Counts = Result<(RoundCost, RoundCost), BoxError>;

/// The counts of each path among few and among many. A thread for each core counts, because counts don't depend on other
/// programs.
fn count_all() -> Vec<Counts> {
    let count = |path: &ScalePath| -> Counts {
        let among = |held| counted_cost(&format!("{} among {held}", path.name), ROUNDS);
        Ok((among(FEW)?, among(path.many)?))
    };
    let next = Mutex::new(all().enumerate());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let counted = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some((index, path)) = take() {
                    let counts = count(path);
                    let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
                    counted.insert(index, counts);
                }
            });
        }
    });
    let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
    counted.into_values().collect()
}

/// Polls a future once, without a task that it could wake.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that doesn't wait.
fn output<F: Future>(future: F) -> Result<F::Output, BoxError> {
    match poll(pin!(future)) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("the future waits".into()),
    }
}

/// A future that waits, which was polled once.
fn waiting<F: Future>(future: F) -> Result<Pin<Box<F>>, BoxError> {
    let mut future = Box::pin(future);
    match poll(future.as_mut()) {
        Poll::Pending => Ok(future),
        Poll::Ready(_) => Err("the future doesn't wait".into()),
    }
}
