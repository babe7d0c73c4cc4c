//! F8, F9: files of any size are streamed in little memory, and arrive unchanged.

// Linux reports the memory that a process uses.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

use std::{
    env,
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::PathBuf,
    process::Command,
};

use tower_telegram::{
    BotToken, Client,
    client::{ClientBuilder, ErrorKind, HttpTransport},
    methods::{GetFile, GetMe, SendDocument},
    types::InputFile,
};
use tower_telegram_test::{Telegram, generated_bytes};

/// The size of a large file in bytes.
const LARGE: u64 = 200 << 20;

/// The most memory that may be used, in addition to that of an idle process.
const MORE: u64 = 10 << 20;

/// The SHA-256 of [`sparse_file`].
const SPARSE_SHA256: &str = "e5139c0a9d9868268dedd90728bee2b9e88227483b420b5a524ae59d521fcbfa";

/// The variable with the server, token and file for the process that only uploads and downloads.
const TASK: &str = "CONFORMANCE_F8_TASK";

const NAME: &str = "client::files::f8_f9_a_large_file_is_streamed_in_little_memory";

fn builder(telegram: &Telegram) -> ClientBuilder<HttpTransport> {
    let token = telegram.token().parse().expect("a token");
    let client = Client::builder(&token).base_url(telegram.api_url());
    client.expect("a URL")
}

/// A temporary file, which is deleted when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("tower-telegram-{}-{name}", std::process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A file that can't be deleted is in the system's temporary folder.
        drop(fs::remove_file(&self.0));
    }
}

/// A file of mostly holes, so that it takes no space on the disk.
fn sparse_file() -> Temporary {
    let path = Temporary::new("large");
    let mut file = File::create(&path.0).expect("a file");
    file.set_len(LARGE).expect("a length");
    for i in 0..10 {
        let at = SeekFrom::Start(i * (20 << 20) + i * 1001);
        file.seek(at).expect("a place");
        write!(file, "marker {i}").expect("it is written");
    }
    path
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn f8_f9_a_large_file_is_streamed_in_little_memory() {
    if let Ok(task) = env::var(TASK) {
        return carry_out(&task).await;
    }
    let telegram = Telegram::builder()
        .keep_uploads_up_to(1 << 10)
        .start()
        .await;
    let telegram = telegram.expect("a server");
    telegram.add_generated_file("documents/large", LARGE);
    telegram.add_generated_file("documents/small", 100_000);
    let file = sparse_file();
    let path = file.0.to_str().expect("a name in UTF-8");
    let task = format!("{} {} {path}", telegram.api_url(), telegram.token());
    let run = tokio::task::spawn_blocking(|| {
        let mut command = Command::new(env::current_exe().expect("this test"));
        command.args(["--exact", NAME, "--test-threads=1", "--nocapture"]);
        command.env(TASK, task).output().expect("it runs")
    });
    let run = run.await.expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let mut uploads = telegram.calls();
    uploads.retain(|call| call.is("sendDocument"));
    let large = uploads[1].file("document").expect("a file");
    assert_eq!(large.length, LARGE);
    let bytes = large.sha256.iter();
    let hex = bytes.fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(hex, SPARSE_SHA256);
}

/// Runs in a process of its own, whose memory isn't used by other tests.
#[cfg(target_os = "linux")]
async fn carry_out(task: &str) {
    let mut words = task.splitn(3, ' ');
    let mut word = || words.next().expect("a word");
    let (url, token, path) = (word(), word(), word());
    let token: BotToken = token.parse().expect("a token");
    let client = Client::with_base_url(&token, url).expect("a client");
    client.send(GetMe::new()).await.expect("a result");
    let small = InputFile::bytes("small", vec![7; 100_000]);
    upload(&client, small).await;
    download(&client, "documents/small", 100_000).await;
    let idle = memory("VmRSS:");
    upload(&client, InputFile::path(path)).await;
    let more = memory("VmHWM:").saturating_sub(idle);
    assert!(more < MORE, "an upload takes {more} bytes more than {idle}");
    download(&client, "documents/large", LARGE).await;
    let more = memory("VmHWM:").saturating_sub(idle);
    assert!(
        more < MORE,
        "a download takes {more} bytes more than {idle}"
    );
}

/// The peak memory of this process in bytes, as Linux counts it.
#[cfg(target_os = "linux")]
fn memory(which: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.expect("a line").trim().trim_end_matches(" kB");
    kib.parse::<u64>().expect("a number") << 10
}

async fn upload(client: &Client, file: InputFile) {
    let sent = client.send(SendDocument::new(42, file)).await;
    sent.expect("a message");
}

/// Compares each chunk when it comes.
async fn download(client: &Client, path: &str, length: u64) {
    let mut download = client.download(&found(path)).await.expect("a file");
    assert_eq!(download.length(), Some(length));
    let mut at = 0;
    while let Some(chunk) = download.chunk().await.expect("a piece") {
        let expected = generated_bytes(at, chunk.len());
        assert!(chunk == expected, "the bytes from {at} on");
        at += chunk.len() as u64;
    }
    assert_eq!(at, length);
}

fn found(path: &str) -> tower_telegram::types::File {
    let file = serde_json::json!({"file_id": "a", "file_unique_id": "b", "file_path": path});
    serde_json::from_value(file).expect("a file")
}

#[tokio::test]
async fn f9_a_file_arrives_unchanged_from_either_environment() {
    let telegram = Telegram::start().await.expect("a server");
    let content = generated_bytes(5, 300_000);
    let names = [
        "documents/a b.txt",
        "photos/\u{fc} \u{1f389}%41.jpg",
        "x/#?&=+;.bin",
        "y",
    ];
    for (number, name) in names.into_iter().enumerate() {
        let id = telegram.add_file(name, content.clone());
        for test in [false, true] {
            let client = builder(&telegram);
            let client = if test {
                client.test_environment()
            } else {
                client
            };
            let client = client.build();
            let file = client.send(GetFile::new(&*id)).await.expect("a file");
            assert_eq!(file.file_path.as_deref(), Some(name));
            let whole = client.download(&file).await.expect("a file");
            assert_eq!(whole.length(), Some(300_000));
            assert!(whole.bytes(300_000).await.expect("all of it") == content);
            // Without a path, getFile is called for it.
            let mut known = file.clone();
            known.file_path = None;
            let mut written = Vec::new();
            let again = client.download(&known).await.expect("a file");
            let length = again.write_to(&mut written).await.expect("all of it");
            assert_eq!(length, 300_000);
            assert!(written == content);
        }
        let downloads = telegram.downloads();
        let of_this = &downloads[number * 4..];
        assert!(of_this.iter().all(|d| d.file_path == name && d.is_found));
        let tests = of_this.iter().map(|d| d.test_environment);
        assert!(tests.eq([false, false, true, true]), "{of_this:?}");
    }
}

#[tokio::test]
async fn f9_a_file_over_the_callers_limit_is_not_read_to_its_end() {
    let telegram = Telegram::start().await.expect("a server");
    telegram.add_generated_file("documents/large", LARGE);
    let client = builder(&telegram).build();
    let large = client.download(&found("documents/large")).await;
    let error = large.expect("a file").bytes(1000).await;
    let error = error.expect_err("it has more");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn f9_a_missing_file_is_a_typed_error() {
    let telegram = Telegram::start().await.expect("a server");
    let client = builder(&telegram).build();
    let error = client.download(&found("documents/gone")).await;
    let error = error.expect_err("it isn't there");
    assert_eq!(
        error.status(),
        Some(http::StatusCode::NOT_FOUND),
        "{error:?}"
    );
    assert_eq!(error.method(), Some("download"));
}

/// A server in local mode returns a path on its disk, which is opened only with `local_files`.
#[tokio::test]
async fn f9_a_local_servers_file_is_read_from_the_disk() {
    let telegram = Telegram::start().await.expect("a server");
    let content = generated_bytes(9, 200_000);
    let local = Temporary::new("local \u{fc}.bin");
    fs::write(&local.0, &content).expect("a file");
    let id = telegram.add_local_file(&local.0).expect("a file");
    let client = builder(&telegram).local_files().build();
    let file = client.send(GetFile::new(&*id)).await.expect("a file");
    let download = client.download(&file).await.expect("a file");
    assert_eq!(download.length(), Some(200_000));
    assert!(download.bytes(200_000).await.expect("all of it") == content);
    let strict = builder(&telegram).build().download(&file).await;
    let error = strict.expect_err("it may be any file");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(telegram.downloads().is_empty());
}

/// The disk of a container isn't this one. The error was one of the network, and the download was tried five times.
#[tokio::test]
async fn f18_a_missing_local_file_is_an_error_at_once() {
    let telegram = Telegram::start().await.expect("a server");
    let client = builder(&telegram).local_files();
    let client = client.layer(tower_telegram::client::RetryLayer::new());
    let path = format!(
        "/var/lib/telegram-bot-api/{}/videos/file_0.mp4",
        telegram.token()
    );
    let began = std::time::Instant::now();
    let error = client.build().download(&found(&path)).await;
    let error = error.expect_err("it isn't there");
    assert_eq!(error.kind(), ErrorKind::LocalFile);
    assert!(!error.is_retryable() && !error.may_have_arrived());
    // A back-off is half a second at least.
    assert!(began.elapsed().as_millis() < 500);
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(telegram.token()), "{shown}");
}

#[tokio::test]
async fn f18_the_servers_folder_may_be_mounted_elsewhere_or_served_over_http() {
    let telegram = Telegram::start().await.expect("a server");
    let content = generated_bytes(9, 200_000);
    let local = Temporary::new("mapped.bin");
    fs::write(&local.0, &content).expect("a file");
    let name = local.0.file_name().and_then(|name| name.to_str());
    let on_server = |name: &str| found(&format!("/var/lib/telegram-bot-api/{name}"));
    let there = on_server(name.expect("a name"));
    let client = builder(&telegram).local_files_at("/var/lib/telegram-bot-api", env::temp_dir());
    let client = client.build();
    let download = client.download(&there).await.expect("a file");
    assert!(download.bytes(200_000).await.expect("all of it") == content);
    for elsewhere in [
        "/etc/hostname",
        "/var/lib/telegram-bot-api/../../../etc/hostname",
        "/var/lib/telegram-bot-api",
    ] {
        let error = client.download(&found(elsewhere)).await;
        let error = error.expect_err("it isn't in the folder");
        assert_eq!(error.kind(), ErrorKind::LocalFile, "{elsewhere}");
    }

    telegram.add_file("videos/a b.bin", content.clone());
    let files = format!("{}/file/bot{}", telegram.api_url(), telegram.token());
    let client = builder(&telegram).local_files_at_url("/var/lib/telegram-bot-api/", &files);
    let client = client.expect("a URL").build();
    let download = client.download(&on_server("videos/a b.bin")).await;
    let download = download.expect("a file");
    assert!(download.bytes(200_000).await.expect("all of it") == content);
    let strange = builder(&telegram).local_files_at_url("/x", "not a url");
    assert!(strange.is_err());
}

/// Opening a pipe would wait for its writer, and block a thread for as long.
#[cfg(unix)]
#[tokio::test]
async fn f8_a_pipe_or_folder_in_the_place_of_a_file_is_an_error_at_once() {
    let telegram = Telegram::start().await.expect("a server");
    let client = builder(&telegram).local_files().build();
    let pipe = Temporary::new("pipe");
    let made = Command::new("mkfifo").arg(&pipe.0).status();
    assert!(made.expect("it runs").success());
    for path in [&pipe.0, &env::temp_dir()] {
        let upload = SendDocument::new(42, InputFile::path(path));
        let error = client.send(upload).await.expect_err("it is no file");
        assert_eq!(error.kind(), ErrorKind::Upload);
        let download = client.download(&found(path.to_str().expect("UTF-8"))).await;
        let error = download.expect_err("it is no file");
        assert_eq!(error.kind(), ErrorKind::LocalFile);
    }
    assert!(telegram.calls().is_empty());
}
