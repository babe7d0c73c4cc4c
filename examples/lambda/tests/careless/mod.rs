//! A function that works after its response, which shows that an instance of the tests is as frozen as on Lambda.

use std::{convert::Infallible, env};

use lambda_http::{http::Response, service_fn};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Child,
};

use crate::{SECRET, event, program::program, runtime::RuntimeApi};

/// The variable with the address of a test that has started this program as an instance.
const TEST: &str = "CARELESS_INSTANCE_OF";

/// The program of an instance: after each response it waits for a byte, and returns it.
#[tokio::test]
async fn instance() {
    let Ok(test) = env::var(TEST) else {
        // Started as one of the tests.
        return;
    };
    let function = service_fn(move |_: lambda_http::Request| {
        let test = test.clone();
        async move {
            let mut test = TcpStream::connect(test).await.unwrap();
            tokio::spawn(async move {
                let byte = test.read_u8().await.unwrap();
                test.write_u8(byte).await.unwrap();
            });
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    lambda_http::run(function).await.unwrap();
}

/// An instance that has responded once.
struct Instance {
    lambda: RuntimeApi,
    _process: Child,
    /// The connection of the work after the response.
    work: TcpStream,
    /// Each invocation connects to it.
    _listener: TcpListener,
}

async fn respond(is_frozen: bool) -> Instance {
    let lambda = RuntimeApi::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let test = listener.local_addr().unwrap();
    let process = program(env::current_exe().unwrap())
        .args(["--exact", "careless::instance"])
        .envs(lambda.variables())
        .env(TEST, test.to_string())
        .spawn()
        .unwrap();
    if is_frozen {
        lambda.set_instance(process.id().unwrap());
    }
    lambda.clone().invoke(event(SECRET)).await.unwrap();
    let (work, _) = listener.accept().await.unwrap();
    Instance {
        lambda,
        _process: process,
        work,
        _listener: listener,
    }
}

#[tokio::test]
async fn work_after_the_response_waits_for_the_next_invocation() {
    let mut frozen = respond(true).await;
    let mut other = respond(false).await;
    frozen.work.write_u8(1).await.unwrap();
    other.work.write_u8(2).await.unwrap();
    // One that isn't frozen has done the work by now.
    assert_eq!(other.work.read_u8().await.unwrap(), 2);
    let early = frozen.work.try_read(&mut [0]);
    assert!(early.is_err(), "{early:?}");

    frozen.lambda.invoke(event(SECRET)).await.unwrap();
    assert_eq!(frozen.work.read_u8().await.unwrap(), 1);
}
