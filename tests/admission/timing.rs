//! A8: who guesses learns nothing from how long it takes.

use std::{
    convert::Infallible,
    env,
    future::{Future as _, ready},
    hint::black_box,
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use tower::{Layer as _, Service as _, service_fn};
use tower_telegram::webhook::{BotId, SecretToken, SecretTokenLayer, SecretTokens};

use crate::support::{adapter::secret, wire::SECRET_HEADER};

/// Set for a run of this test that only refuses what it says.
const SHOWN: &str = "CONFORMANCE_A8_SHOWN";

/// The accepted secrets: a long one among others.
fn accepted() -> String {
    "Swordfish-".repeat(25)
}

/// With one wrong byte.
fn wrong_at(at: usize) -> String {
    let mut wrong = accepted().into_bytes();
    wrong[at] ^= 1;
    String::from_utf8(wrong).expect("ASCII")
}

/// The one function whose instructions are counted: all of a refusal.
#[inline(never)]
fn a8_counted(call: &mut dyn FnMut() -> u16) -> u16 {
    black_box(call())
}

/// Refuses it a hundred times, counted.
fn refuse(shown: &str) {
    let tokens = SecretTokens::new(secret("another"));
    tokens.add(secret(&accepted()));
    tokens.add_for(BotId(1), SecretToken::derive(b"key", BotId(1)));
    let inner = service_fn(|_: Request<String>| ready(Ok::<_, Infallible>(Response::new(()))));
    let mut service = SecretTokenLayer::new(tokens).layer(inner);
    let requests = (0..101).map(|_| {
        let request = Request::post("/bot").header(SECRET_HEADER, shown);
        request.body(String::new()).expect("a request")
    });
    for (i, request) in requests.enumerate() {
        let mut request = Some(request);
        let mut call = || {
            let future = pin!(service.call(request.take().expect("one call")));
            match future.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(response)) => response.status().as_u16(),
                Poll::Pending => 0,
            }
        };
        // The first time more is done: what is lazy wakes up.
        let status = if i == 0 {
            call()
        } else {
            a8_counted(&mut call)
        };
        assert_eq!(status, 401);
    }
}

/// How many instructions it takes.
fn instructions(shown: &str) -> u64 {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*a8_counted*")
        .arg(env::current_exe().expect("this test"))
        .args(["--exact", NAME, "--test-threads=1", "--nocapture"])
        .env(SHOWN, shown)
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.unwrap_or_else(|| panic!("no count in {said}"));
    collected.trim().parse().expect("a number")
}

const NAME: &str =
    "admission::timing::a8_a_wrong_secret_takes_the_same_work_wherever_it_goes_wrong";

#[test]
fn a8_a_wrong_secret_takes_the_same_work_wherever_it_goes_wrong() {
    if let Ok(shown) = env::var(SHOWN) {
        return refuse(&shown);
    }
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        assert!(env::var_os("CI").is_none(), "no valgrind: {error}");
        eprintln!("A8 WASN'T CHECKED: it counts instructions, and valgrind isn't installed");
        return;
    }
    let length = accepted().len();
    let counts = [0, length / 2, length - 1].map(|at| instructions(&wrong_at(at)));
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    // The count does tell work from other work.
    assert_ne!(instructions(&wrong_at(0)[1..]), counts[0]);
    assert!(counts[0] > 100_000, "{counts:?}");
}
