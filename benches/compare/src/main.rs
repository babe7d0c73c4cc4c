//! The program that `benches/compare/run.py` runs under callgrind and with `wrk`.
//!
//! ```text
//! compare serve NAME                  its port on stdout; a mark at each line of stdin; ends with stdin
//! compare parse NAME TIMES [BODY]     a count for each body, in the order of their names on stdout
//! compare call NAME URL TIMES [FILE]  one count; over TLS with the server's certificate in the file
//! compare list                        the names
//! ```
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    env, io,
    io::{BufRead as _, Write as _},
    process, thread,
};

use compare::{
    calls::{CLIENTS, Calls},
    corpus::bodies,
    parsers::PARSERS,
    servers::{SERVERS, serve},
};
use compare_calls::{
    client::Api,
    count::{counted, mark},
};
use rustls::crypto::ring;
use tokio::{net::TcpListener, runtime::Runtime};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", name] => run_server(name),
        ["parse", name, times] => parse(name, number(times), None),
        ["parse", name, times, body] => parse(name, number(times), Some(body)),
        ["call", name, url, times] => call(name, &Api::new(url, None), number(times)),
        ["call", name, url, times, file] => {
            call(name, &Api::new(url, Some(file)), number(times));
        }
        ["list"] => {
            println!("parsers: {}", PARSERS.map(|(name, _)| name).join(", "));
            println!("servers: {}", SERVERS.join(", "));
            println!("clients: {}", CLIENTS.join(", "));
        }
        _ => panic!("usage: compare serve|parse|call|list …"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number of times is a number")
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime can be made")
}

fn run_server(name: &str) {
    thread::spawn(obey);
    let served = runtime().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        say(&listener.local_addr()?.port().to_string());
        serve(name, listener).await
    });
    served.expect("a server runs until the program ends");
}

fn say(line: &str) {
    println!("{line}");
    io::stdout().flush().expect("stdout is open");
}

fn obey() {
    for _ in io::stdin().lock().lines() {
        mark();
        say("marked");
    }
    process::exit(0);
}

fn parse(name: &str, times: usize, body: Option<&str>) {
    let (_, parse) = PARSERS
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no parser has the name {name}"));
    for body in bodies(body) {
        // Once before, so that lazy initialization doesn't count.
        let fits = parse(&body.bytes);
        println!("{} {} {fits}", body.name, body.bytes.len());
        counted(|| {
            for _ in 0..times {
                parse(&body.bytes);
            }
        });
    }
}

fn call(name: &str, api: &Api, times: usize) {
    // For all of them. Another crate's default is aws-lc-rs.
    let installed = ring::default_provider().install_default();
    installed.expect("it is the first one");
    let client = Calls::new(name, api);
    let runtime = runtime();
    runtime.block_on(client.call(20));
    counted(|| runtime.block_on(client.call(times)));
}
