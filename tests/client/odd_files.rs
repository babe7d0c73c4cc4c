//! F11, F18: files whose length isn't the one that the disk, the server or the caller names.

use std::{convert::Infallible, env, fs, future::ready, io::Cursor, path::PathBuf, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::time::sleep;
use tower::service_fn;
use tower_telegram::{
    Client,
    client::{ApiBody, ClientBuilder, Error, ErrorKind},
    methods::{SendMediaGroup, SendVideo},
    types::{File, InputFile, InputMediaPhoto},
};

use crate::support::scripted::{Scripted, client_of};

fn builder<T>(transport: T) -> ClientBuilder<T> {
    ClientBuilder::new(transport, &"7:secret".parse().expect("a token"))
}

fn file(path: &str, size: Option<i64>) -> File {
    let file = json!({"file_id": "f", "file_unique_id": "u", "file_path": path, "file_size": size});
    serde_json::from_value(file).expect("a file")
}

fn assert_not_uploaded(server: &Scripted, done: Result<(), Error>, what: &str) {
    let error = done.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Upload, "{what}: {error}");
    assert!(!error.may_have_arrived() && !error.is_retryable(), "{what}");
    assert!(server.received().is_empty(), "{what}: it came as a whole");
}

/// Wherever the file stands in the call: in an album, or beside another file.
#[tokio::test]
async fn f18_a_reader_with_another_length_is_an_error_wherever_it_stands() {
    let server = Scripted::start([], "true").await;
    let client = client_of(&server);
    let reader = |given: usize, declared: u64| {
        InputFile::reader("a", Cursor::new(vec![7; given]), Some(declared))
    };
    for (given, declared) in [(100_000, 70_000), (70_000, 100_000), (1, 0), (0, 1)] {
        let what = format!("{given} of {declared}");
        for at in 0..3 {
            let photos = (0..3).map(|n| {
                let odd = reader(given, declared);
                let right = reader(10, 10);
                InputMediaPhoto::new(if n == at { odd } else { right })
            });
            let done = client.send(SendMediaGroup::new(1, photos)).await;
            assert_not_uploaded(&server, done.map(drop), &what);
        }
        let video = InputFile::bytes("a.mp4", &b"content"[..]);
        let video = SendVideo::new(1, video).thumbnail(reader(given, declared));
        assert_not_uploaded(&server, client.send(video).await.map(drop), &what);
    }
}

/// A file in the system's temporary folder, which is deleted when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(content: &[u8]) -> Self {
        let name = format!("tower-telegram-odd-file-{}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, content).expect("a file");
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// It is no trouble with the network: the server hasn't written all of it, or the folder is another one.
#[tokio::test]
async fn f18_a_local_file_shorter_than_its_size_is_an_error() {
    let local = Temporary::new(b"0123456789");
    let path = local.0.to_str().expect("a path");
    let no_server = service_fn(|_: Request<ApiBody>| {
        ready(Err::<Response<String>, _>(std::io::Error::other(
            "no server",
        )))
    });
    let client = builder(no_server).local_files().build();
    for (size, is_whole) in [(Some(100), false), (Some(10), true), (None, true)] {
        let download = client.download(&file(path, size)).await;
        let done = download.expect("its beginning").bytes(1000).await;
        assert_eq!(done.is_ok(), is_whole, "{size:?}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
            assert!(error.to_string().contains("90 bytes"), "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
    }
}

/// Not asked for, a part isn't the file.
#[tokio::test]
async fn f18_a_part_of_a_file_is_an_error() {
    for (status, is_file) in [
        (StatusCode::OK, true),
        (StatusCode::NON_AUTHORITATIVE_INFORMATION, true),
        (StatusCode::PARTIAL_CONTENT, false),
        (StatusCode::NO_CONTENT, false),
        (StatusCode::RESET_CONTENT, false),
        (StatusCode::ACCEPTED, false),
    ] {
        let http = service_fn(move |_: Request<ApiBody>| {
            let answer = Response::builder()
                .status(status)
                .header("content-range", "bytes 0-9/100")
                .body("0123456789".to_owned());
            ready(Ok::<_, Infallible>(answer.expect("an answer")))
        });
        let client: Client = builder(http).build();
        let download = client.download(&file("videos/a", None)).await;
        assert_eq!(download.is_ok(), is_file, "{status}: {download:?}");
        if let Err(error) = download {
            assert_eq!(error.kind(), ErrorKind::Http, "{error}");
            assert_eq!(error.status(), Some(status));
        }
    }
}

/// Its bytes would be others than those of the file.
#[tokio::test]
async fn f18_a_compressed_file_is_not_asked_for_and_is_an_error() {
    for (coding, is_file) in [
        (None, true),
        (Some("identity"), true),
        (Some(""), true),
        (Some("gzip"), false),
        (Some("br"), false),
        (Some("identity, GZIP"), false),
    ] {
        let http = service_fn(move |request: Request<ApiBody>| {
            assert_eq!(request.headers()["accept-encoding"], "identity");
            let mut answer = Response::builder();
            if let Some(coding) = coding {
                answer = answer.header("content-encoding", coding);
            }
            ready(answer.body("0123456789".to_owned()))
        });
        let client = builder(http).build();
        let download = client.download(&file("videos/a", None)).await;
        assert_eq!(download.is_ok(), is_file, "{coding:?}: {download:?}");
        if let Err(error) = download {
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            assert!(!error.is_retryable(), "{error}");
            assert!(error.to_string().contains("encoding"), "{error}");
        }
    }
}

/// The path is asked for by getFile, for which such a server takes minutes.
#[tokio::test(start_paused = true)]
async fn f11_a_download_without_a_path_is_waited_for() {
    let http = service_fn(async |request: Request<ApiBody>| {
        let body = match request.uri().path().rsplit('/').next() {
            Some("getFile") => {
                drop(request.into_body().collect().await);
                sleep(Duration::from_secs(540)).await;
                r#"{"ok":true,"result":{"file_id":"f","file_unique_id":"u","file_path":"v/a"}}"#
            }
            _ => "0123456789",
        };
        Ok::<_, Infallible>(Response::new(body.to_owned()))
    });
    let client = builder(http).base_url("http://localhost:8081");
    let client = client.expect("a URL").build();
    let unknown = json!({"file_id": "f", "file_unique_id": "u", "file_size": 10});
    let unknown: File = serde_json::from_value(unknown).expect("a file");
    let download = client.download(&unknown).await.expect("its beginning");
    assert_eq!(download.bytes(10).await.expect("the file"), "0123456789");
}
