//! The Bot API server: requests in, answers out, in the real server's bytes.

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    answer::{Answer, Response},
    args::Args,
    call::{Call, Via},
    files::Content,
    http1::{self, ReadError, Refusal, Start},
    state::State,
    wire::Limits,
};

const IDLE: Duration = Duration::from_secs(500);
const MAX_CONNECTIONS: usize = 1024;
const MAX_TOKEN: usize = 80;
/// How much of a multipart body may wait between the connection and its parser.
const PIPE: usize = 64 << 10;

/// Serves until it is aborted; the connections end with it.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    let mut tick = interval(Duration::from_secs(5));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                // An error here is the client's, or a lack of sockets that the next round may find cured.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve_connection(stream, Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = tick.tick() => state.webhook.close_idle(),
        }
    }
}

async fn serve_connection(mut stream: TcpStream, state: Arc<State>) {
    // Without it answers come later, not wrong.
    stream.set_nodelay(true).ok();
    let mut buffer = BytesMut::new();
    loop {
        let request = timeout(IDLE, receive(&mut stream, &mut buffer, state.limits)).await;
        let (target, args) = match request {
            Ok(Ok(request)) => request,
            Ok(Err(ReadError::Refused(refusal))) => return refuse(stream, &refusal).await,
            Ok(Err(ReadError::Closed | ReadError::Io(_))) | Err(_) => return,
        };
        let sent = match respond(&state, &target, &args).await {
            Respond::Answer(answer) => {
                sleep(answer.delay()).await;
                match answer.to_response() {
                    Response::Bytes(head, body) => {
                        send(&mut stream, head, std::iter::once(body)).await
                    }
                    Response::HangUp => return,
                    Response::Silence => return drain(&mut stream).await,
                }
            }
            Respond::File(file) => send(&mut stream, file_head(&file), file.pieces()).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn send<I>(stream: &mut TcpStream, head: Bytes, pieces: I) -> io::Result<()>
where
    I: Iterator<Item = Bytes>,
{
    stream.write_all(&head).await?;
    for piece in pieces {
        stream.write_all(&piece).await?;
    }
    Ok(())
}

fn file_head(file: &Content) -> Bytes {
    let length = file.length();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    head.into()
}

/// Reads a request: what it asks for, and the arguments out of its query and its body.
async fn receive(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    limits: Limits,
) -> Result<(Vec<u8>, Args), ReadError> {
    let (head, body) = http1::read_head(stream, buffer, limits.body).await?;
    let Start::Request { target } = head.start else {
        return Err(Refusal::new(400, "Bad Request").into());
    };
    let mut args = Args::keeping(limits.keep);
    if let Some(query) = split_target(&target).1.strip_prefix(b"?") {
        args.read_form(query)?;
    }
    let content_type = http1::header(&head.headers, "content-type");
    if body.is_stream() {
        let content_type = String::from_utf8_lossy(content_type.unwrap_or_default());
        let (mut reader, mut writer) = tokio::io::simplex(PIPE);
        let copy = async {
            body.copy(stream, buffer, &mut writer).await?;
            writer.shutdown().await.map_err(ReadError::Io)
        };
        let parse = async {
            let parsed = args.read_multipart(&content_type, &mut reader).await;
            parsed.map_err(ReadError::Refused)
        };
        // Copying first: a connection that breaks is not a broken form.
        tokio::try_join!(biased; copy, parse)?;
    } else {
        let body = body.read(stream, buffer).await?;
        args.read_body(content_type, &body).await?;
    }
    Ok((target, args))
}

/// Writes the bare status of a request that can't be read, and closes. What the client is still sending
/// is read for a moment, as otherwise it might see a reset instead of the status.
async fn refuse(mut stream: TcpStream, refusal: &Refusal) {
    if stream.write_all(&refusal.to_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        let _ = timeout(Duration::from_secs(1), drain(&mut stream)).await;
    }
}

async fn drain(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink).await, Ok(1..)) {}
}

enum Respond {
    Answer(Answer),
    File(Content),
}

async fn respond(state: &State, target: &[u8], args: &Args) -> Respond {
    let path = percent_encoding::percent_decode(split_target(target).0).decode_utf8_lossy();
    let route = match route(&path, &state.token) {
        Ok(route) => route,
        Err(answer) => return Respond::Answer(answer),
    };
    let Route {
        rest,
        test_environment,
        is_file,
    } = route;
    if is_file {
        let file = state.files.download(rest, test_environment);
        return file.map_or_else(|| Respond::Answer(not_found()), Respond::File);
    }
    let method = match (rest, args.params.get("method")) {
        ("", Some(_)) => args.text("method"),
        (method, _) => method.to_owned(),
    };
    let call = Call::new(method, args, Via::Http, test_environment);
    Respond::Answer(if call.is("getUpdates") {
        state.get_updates(call, args).await
    } else {
        state.execute(call, args).1
    })
}

/// The path, and the rest from its `?` or `#` on.
fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    let path_end = target.iter().position(|b| matches!(b, b'?' | b'#'));
    target.split_at(path_end.unwrap_or(target.len()))
}

#[derive(Debug)]
struct Route<'a> {
    /// The method, or the file's path.
    rest: &'a str,
    test_environment: bool,
    is_file: bool,
}

fn not_found() -> Answer {
    Answer::error(404, "Not Found")
}

fn route<'a>(path: &'a str, token: &str) -> Result<Route<'a>, Answer> {
    if !path.starts_with('/') {
        return Err(Answer::error(
            404,
            "Not Found: absolute URI is specified in the Request-Line",
        ));
    }
    let (path, is_file) = path
        .strip_prefix("/file")
        .map_or((path, false), |path| (path, true));
    let rest = path.strip_prefix("/bot").ok_or_else(not_found)?;
    let (given, rest) = rest.split_at(rest.find('/').ok_or_else(not_found)?);
    let (rest, test_environment) = rest
        .strip_prefix("/test")
        .filter(|rest| !is_file || rest.starts_with('/'))
        .map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_prefix('/').ok_or_else(not_found)?;

    let invalid = || Answer::error(401, "Unauthorized: invalid token specified");
    if given.starts_with('0') || given.len() > MAX_TOKEN {
        return Err(invalid());
    }
    let (id, _) = given.split_once(':').ok_or_else(invalid)?;
    match id.parse::<i64>() {
        Err(_) => {
            return Err(Answer::error(
                421,
                "Misdirected Request: unallowed token specified",
            ));
        }
        Ok(1..0x40_0000_0000_0000) => {}
        Ok(_) => return Err(invalid()),
    }
    if given != token {
        return Err(Answer::error(401, "Unauthorized"));
    }
    Ok(Route {
        rest,
        test_environment,
        is_file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(path: &str) -> Result<(&str, bool), (u16, String)> {
        match route(path, "42:AA") {
            Ok(route) => Ok((route.rest, route.test_environment)),
            Err(answer) => Err(answer
                .as_error()
                .map(|(code, text)| (code, text.to_owned()))
                .unwrap()),
        }
    }

    #[test]
    fn paths_lead_to_methods() {
        assert_eq!(routed("/bot42:AA/getMe"), Ok(("getMe", false)));
        assert_eq!(routed("/bot42:AA/test/getMe"), Ok(("getMe", true)));
        assert_eq!(routed("/bot42:AA/"), Ok(("", false)));
        assert!(!route("/bot42:AA/getMe", "42:AA").unwrap().is_file);
    }

    #[test]
    fn paths_lead_to_files() {
        assert_eq!(routed("/file/bot42:AA/a/b.c"), Ok(("a/b.c", false)));
        assert_eq!(routed("/file/bot42:AA/test/a/b.c"), Ok(("a/b.c", true)));
        assert_eq!(routed("/file/bot42:AA/tests"), Ok(("tests", false)));
        assert!(route("/file/bot42:AA/a", "42:AA").unwrap().is_file);
    }

    #[test]
    fn other_paths_and_tokens_are_turned_away() {
        let error = |code, text: &str| Err((code, text.to_owned()));
        for path in [
            "/",
            "/bot42:AA",
            "/file/bot42:AA",
            "/files/bot42:AA/x",
            "/bot42:AA/testing",
        ] {
            assert_eq!(routed(path), error(404, "Not Found"), "{path}");
        }
        assert_eq!(
            routed("http://h/bot42:AA/getMe"),
            error(
                404,
                "Not Found: absolute URI is specified in the Request-Line"
            )
        );
        assert_eq!(routed("/bot42:BB/getMe"), error(401, "Unauthorized"));
        assert_eq!(routed("/file/bot42:BB/x"), error(401, "Unauthorized"));
        for token in [
            "042:AA",
            "42",
            "-1:A",
            "18014398509481984:A",
            &"1:".repeat(41),
        ] {
            assert_eq!(
                routed(&format!("/bot{token}/getMe")),
                error(401, "Unauthorized: invalid token specified"),
                "{token}"
            );
        }
        assert_eq!(
            routed("/botx:AA/getMe"),
            error(421, "Misdirected Request: unallowed token specified")
        );
    }
}
