//! Calls over TLS by bare hyper-util and by this crate, and the server for them. `benches/compare/run.py` builds it with
//! HTTP/2, and runs the calls under callgrind.
//!
//! ```text
//! compare-calls serve FILE PROTOCOL…        its port on stdout, its certificate in the file; ends with stdin
//! compare-calls call NAME URL FILE TIMES    one count
//! ```
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    env, io,
    io::{Read as _, Write as _},
    path::Path,
    process, thread,
};

use compare_calls::{
    api,
    client::{self, Api, Bare},
    count::counted,
};
use tokio::{net::TcpListener, runtime::Runtime};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", file, ref protocols @ ..] => serve(file, protocols),
        ["call", name, url, file, times] => {
            let times = times.parse().expect("a number of times is a number");
            call(name, &Api::new(url, Some(file)), times);
        }
        _ => panic!("usage: compare-calls serve|call …"),
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime can be made")
}

fn serve(file: &str, protocols: &[&str]) {
    thread::spawn(|| {
        // The end of stdin is the end of the program that started this one.
        drop(io::stdin().read_to_end(&mut Vec::new()));
        process::exit(0);
    });
    let acceptor = api::acceptor(protocols, Path::new(file));
    let served = runtime().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        io::stdout().flush()?;
        api::serve(listener, acceptor).await
    });
    served.expect("a server runs until the program ends");
}

fn call(name: &str, api: &Api, times: usize) {
    let runtime = runtime();
    match name {
        "hyper-util" => {
            let bare = Bare::new(api);
            count(&runtime, times, async || bare.send().await);
        }
        "tower-telegram" => {
            let ours = client::ours(api);
            count(&runtime, times, async || client::send(&ours).await);
        }
        _ => panic!("no client has the name {name}"),
    }
}

/// Counts so many calls on a connection that has had some.
fn count(runtime: &Runtime, times: usize, call: impl AsyncFn()) {
    let repeat = async |times| {
        for _ in 0..times {
            call().await;
        }
    };
    runtime.block_on(repeat(20));
    counted(|| runtime.block_on(repeat(times)));
}
