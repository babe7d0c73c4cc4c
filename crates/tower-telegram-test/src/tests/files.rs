use std::path::Path;

use super::*;

const LARGE: u64 = 200 << 20;
const PIECE: usize = 64 << 10;

async fn start() -> Telegram {
    let builder = Telegram::builder().token("42:AA").wait_timeout(60 * SECOND);
    let builder = builder.max_download(LARGE);
    builder.keep_uploads_up_to(1024).start().await.unwrap()
}

async fn connect(telegram: &Telegram) -> TcpStream {
    let address = telegram.api_url().trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

async fn file(telegram: &Telegram, id: &str) -> Value {
    let path = format!("/bot42:AA/getFile?file_id={id}");
    let response = call(telegram, &get(&path)).await;
    let body = response.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str::<Value>(body).unwrap()["result"].take()
}

/// The length that a response's head announces.
async fn read_head(stream: &mut TcpStream) -> u64 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let (_, length) = head.split_once("Content-Length: ").unwrap();
    length.trim().parse().unwrap()
}

/// A multipart body around a generated file: what comes before it, and after.
fn form() -> (&'static str, &'static str) {
    (
        "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
         --b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.bin\"\r\n\r\n",
        "\r\n--b--\r\n",
    )
}

#[tokio::test]
async fn a_file_is_described_and_served() {
    let telegram = start().await;
    let id = telegram.add_file("documents/a b?.txt", "hello");
    let empty = telegram.add_file("documents/empty", "");
    assert_eq!(
        file(&telegram, &id).await,
        json!({"file_id": id, "file_unique_id": format!("unique-{id}"), "file_path": "documents/a b?.txt", "file_size": 5})
    );
    assert_eq!(file(&telegram, &empty).await.get("file_size"), None);
    assert_eq!(
        call(
            &telegram,
            &get("/file/bot42:AA/documents/a%20b%3f.txt?ignored")
        )
        .await,
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nhello"
    );
    assert!(
        call(&telegram, &get("/file/bot42:AA/test/documents/empty"))
            .await
            .ends_with("Content-Length: 0\r\n\r\n")
    );
    let seen = |file_path: &str, test_environment| FileDownload {
        file_path: file_path.to_owned(),
        test_environment,
        is_found: true,
    };
    assert_eq!(
        telegram.downloads(),
        [
            seen("documents/a b?.txt", false),
            seen("documents/empty", true)
        ]
    );
}

#[tokio::test]
async fn other_paths_and_tokens_get_an_error_in_json() {
    let telegram = start().await;
    telegram.add_file("a", "hello");
    for (path, code, text) in [
        ("/file/bot42:AA/b", 404, "Not Found"),
        ("/file/bot42:AA/", 404, "Not Found"),
        ("/file/bot42:AA/A", 404, "Not Found"),
        ("/file/bot42:AA", 404, "Not Found"),
        ("/file/bot42:BB/a", 401, "Unauthorized"),
        (
            "/file/bot42/a",
            401,
            "Unauthorized: invalid token specified",
        ),
    ] {
        let response = call(&telegram, &get(path)).await;
        let body = format!(r#"{{"ok":false,"error_code":{code},"description":"{text}"}}"#);
        assert!(
            response.starts_with(&format!("HTTP/1.1 {code} ")) && response.ends_with(&body),
            "{path}: {response}"
        );
    }
    assert!(
        telegram
            .downloads()
            .iter()
            .all(|download| !download.is_found)
    );
}

#[tokio::test]
async fn a_local_file_has_an_absolute_path_and_is_not_served() {
    let telegram = start().await;
    let id = telegram.add_local_file("Cargo.toml").unwrap();
    let file = file(&telegram, &id).await;
    let path = file["file_path"].as_str().unwrap();
    assert!(Path::new(path).is_absolute() && path.ends_with("Cargo.toml"));
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(file["file_size"], bytes.len());
    let response = call(&telegram, &get(&format!("/file/bot42:AA/{path}"))).await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    assert!(matches!(
        telegram.add_local_file("no such file"),
        Err(Error::File(_))
    ));
}

#[tokio::test]
async fn a_file_of_200_mib_is_served_and_the_connection_goes_on() {
    let telegram = start().await;
    let id = telegram.add_generated_file("videos/large.mp4", LARGE);
    assert_eq!(file(&telegram, &id).await["file_size"], LARGE);
    let mut stream = connect(&telegram).await;
    let requests = get("/file/bot42:AA/videos/large.mp4") + &get("/bot42:AA/getMe");
    stream.write_all(requests.as_bytes()).await.unwrap();
    assert_eq!(read_head(&mut stream).await, LARGE);
    let mut piece = vec![0; PIECE];
    for offset in (0..LARGE).step_by(PIECE) {
        stream.read_exact(&mut piece).await.unwrap();
        assert!(piece == generated_bytes(offset, PIECE), "{offset}");
    }
    assert!(read_head(&mut stream).await > 0);
}

#[tokio::test]
async fn an_upload_of_200_mib_is_counted_and_hashed() {
    let telegram = start().await;
    let mut stream = connect(&telegram).await;
    let (before, after) = form();
    let length = LARGE + before.len() as u64 + after.len() as u64;
    let head = format!(
        "POST /bot42:AA/sendDocument HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n{before}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for offset in (0..LARGE).step_by(PIECE) {
        let piece = generated_bytes(offset, PIECE);
        stream.write_all(&piece).await.unwrap();
    }
    stream.write_all(after.as_bytes()).await.unwrap();
    read_head(&mut stream).await;
    let call = telegram.wait_for_call("sendDocument").await.unwrap();
    assert_eq!(call.integer("chat_id"), Some(7));
    assert_eq!(call.response["result"]["document"]["file_size"], LARGE);
    let file = call.file("document").unwrap();
    assert_eq!((file.length, file.bytes.len()), (LARGE, 0));
    assert_eq!(file.sha256, generated_sha256(LARGE));
}

#[tokio::test]
async fn a_chunked_upload_is_read_like_any_other() {
    let telegram = start().await;
    let mut stream = connect(&telegram).await;
    let (before, after) = form();
    let body = [
        before.as_bytes(),
        &generated_bytes(0, 1000),
        after.as_bytes(),
        b"epilogue",
    ]
    .concat();
    let mut request =
        b"POST /bot42:AA/sendDocument HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request.extend_from_slice(get("/bot42:AA/getMe").as_bytes());
    stream.write_all(&request).await.unwrap();
    let length = read_head(&mut stream).await;
    let mut body = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    read_head(&mut stream).await;
    let call = telegram.wait_for_call("sendDocument").await.unwrap();
    assert_eq!(call.files[0].bytes, generated_bytes(0, 1000));
    telegram.wait_for_call("getMe").await.unwrap();
}

#[tokio::test]
async fn an_upload_that_is_too_large_or_broken_is_refused() {
    let telegram = Telegram::builder().token("42:AA").max_upload(1000);
    let telegram = telegram.start().await.unwrap();
    let kind = "multipart/form-data; boundary=b";
    let (before, after) = form();
    let sized = |size: usize| format!("{before}{}{after}", "a".repeat(size));
    for (body, status) in [
        (sized(1000), "413 Request Entity Too Large"),
        (before.to_owned(), "400 Bad Request"),
        (sized(100), "200 OK"),
    ] {
        let response = call(&telegram, &post("/bot42:AA/sendDocument", kind, &body)).await;
        let expected = format!("HTTP/1.1 {status}\r\n");
        assert!(response.starts_with(&expected), "{response}");
    }
    assert_eq!(telegram.calls().len(), 1);
}
