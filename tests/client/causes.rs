//! F19: the cause of each way to fail.

use std::{
    convert::Infallible,
    future::ready,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::{io::AsyncWrite, time::Instant};
use tower::{BoxError, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ApiRequest, ApiResponse, ClientBuilder, Error},
    methods::{GetMe, SendDocument, SetWebhook},
    types::{File, InputFile},
    webhook::Deadline,
};

use crate::support::scripted::{Scripted, Step, client_of, json, ok};

async fn of_script(steps: Vec<Step>) -> Error {
    let server = Scripted::start([steps], "true").await;
    let done = client_of(&server).send(GetMe::new()).await;
    done.expect_err("it fails")
}

async fn of_response(bytes: impl Into<Vec<u8>>) -> Error {
    of_script(vec![Step::Read, Step::Write(bytes.into())]).await
}

async fn of_upload(file: InputFile) -> Error {
    let server = Scripted::start([], "true").await;
    let done = client_of(&server).send(SendDocument::new(1, file)).await;
    done.expect_err("it fails")
}

/// A disk that is full.
struct FullDisk;

impl AsyncWrite for FullDisk {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("the disk is full")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn of_download(path: &str) -> Error {
    let http = service_fn(|_: Request<ApiBody>| {
        ready(Ok::<_, Infallible>(Response::new("content".to_owned())))
    });
    let token = "7:secret".parse().expect("a token");
    let client = ClientBuilder::new(http, &token).local_files().build();
    let file = serde_json::json!({"file_id": "f", "file_unique_id": "u", "file_path": path});
    let file: File = serde_json::from_value(file).expect("a file");
    match client.download(&file).await {
        Ok(download) => download
            .write_to(&mut FullDisk)
            .await
            .expect_err("it fails"),
        Err(error) => error,
    }
}

async fn of_layer() -> Error {
    let layer = service_fn(|_: ApiRequest| {
        let error = io::Error::new(io::ErrorKind::PermissionDenied, "the budget is spent");
        ready(Err::<ApiResponse, _>(BoxError::from(error)))
    });
    let done = Client::from_service(layer).send(GetMe::new()).await;
    done.expect_err("it fails")
}

async fn of_deadline() -> Error {
    let server = Scripted::start([], "true").await;
    let client = client_of(&server).with_deadline(Deadline::at(Instant::now()));
    client.send(GetMe::new()).await.expect_err("it is late")
}

async fn of_closed_port() -> Error {
    let server = Scripted::start([], "true").await;
    let client = client_of(&server);
    drop(server);
    // The port is closed once the server's task is gone.
    for _ in 0..1000 {
        match client.send(GetMe::new()).await {
            Err(error) if error.to_string().contains("refused") => return error,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    client
        .send(GetMe::new())
        .await
        .expect_err("nothing listens")
}

#[tokio::test]
async fn f19_each_way_to_fail_names_its_cause() {
    let webhook = client_of(&Scripted::start([], "true").await)
        .send(SetWebhook::new("http://a.b/"))
        .await;
    let refusal = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
    for (error, words) in [
        (webhook.expect_err("it isn't https"), "https"),
        (of_closed_port().await, "refused"),
        (of_script(vec![Step::Read]).await, "connection closed"),
        (of_script(vec![Step::Read, Step::Reset]).await, "reset"),
        (of_script(vec![Step::Read, Step::Stall]).await, "in time"),
        (of_response("SSH-2.0-OpenSSH_9.6\r\n").await, "invalid HTTP"),
        (of_response(ok(r#"{"id":"seven"}"#)).await, "field `id`"),
        (of_response(ok("7")).await, "an object"),
        (of_response(json(502, "<html>")).await, "502"),
        (
            of_response(json(400, refusal)).await,
            "400 Bad Request: chat not found",
        ),
        (
            of_upload(InputFile::path("/no/such/file")).await,
            "No such file",
        ),
        (of_upload(InputFile::path("/")).await, "file"),
        (
            of_upload(InputFile::reader("a", &b"12"[..], Some(3))).await,
            "length",
        ),
        (of_download("/no/such/file").await, "No such file"),
        (of_download("videos/a").await, "the disk is full"),
        (of_layer().await, "the budget is spent"),
        (of_deadline().await, "deadline"),
    ] {
        let shown = error.to_string();
        assert!(shown.contains(words), "{words} isn't in {shown}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
        // A layer's error is its own, and has no method.
        if let Some(method) = error.method() {
            assert!(shown.starts_with(&format!("{method}: ")), "{shown}");
        }
    }
}
