//! The server of the Bot API: connections, requests, and their responses.

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::{
    answer::{Answer, AnswerAction},
    args::Args,
    call::{Call, Via},
    files::FileContent,
    route::{self, ApiPath},
};
use crate::{
    faults::CallFault,
    http1::{self, HttpReadError, HttpRefusal, StartLine},
    state::State,
    webhook::request::ResponseLimits,
};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(500);
const MAX_CONNECTIONS: usize = 1024;
/// How many bytes of a multipart body may be between the connection and its parser.
const PIPE: usize = 64 << 10;

/// Serves until the task is aborted, which also closes the connections.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    let clock = state.webhook.clock.clone();
    let mut look_at = clock.now();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                // An error here is the client's, or a lack of sockets that may be over at the next try.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve_connection(stream, Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
            () = clock.sleep_until(look_at) => {
                state.webhook.close_idle();
                look_at = clock.now() + Duration::from_secs(5);
            }
        }
    }
}

/// Reads requests and writes their responses, one after the other, until the connection ends.
async fn serve_connection(mut stream: TcpStream, state: Arc<State>) {
    // Without it responses come later, but they are the same.
    stream.set_nodelay(true).ok();
    let mut buffer = BytesMut::new();
    let clock = state.webhook.clock.clone();
    loop {
        let request = receive(&mut stream, &mut buffer, state.limits);
        let (target, args) = match clock.timeout(IDLE, request).await {
            Some(Ok(request)) => request,
            Some(Err(HttpReadError::Refused(refusal))) => return refuse(stream, &refusal).await,
            Some(Err(HttpReadError::Closed | HttpReadError::Io(_))) | None => return,
        };
        let sent = match respond(&state, &target, &args).await {
            HttpAnswer::Answer(answer) => {
                clock.sleep(answer.delay()).await;
                match answer.to_response() {
                    AnswerAction::Bytes(head, body) => {
                        send(&mut stream, head, std::iter::once(body)).await
                    }
                    AnswerAction::Truncated(bytes) => {
                        // An error means that the client doesn't read the response to its end, which a test
                        // may want.
                        stream.write_all(&bytes).await.ok();
                        return;
                    }
                    AnswerAction::HangUp => return,
                    AnswerAction::Reset => return reset(&stream),
                    AnswerAction::Never => return drain(&mut stream).await,
                }
            }
            HttpAnswer::File(file) => send(&mut stream, file_head(&file), file.pieces()).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Writes a head and the pieces of a body.
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

/// The head of a response with a file.
fn file_head(file: &FileContent) -> Bytes {
    let length = file.length();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    head.into()
}

/// Reads a request: its target, and the arguments in its query and its body.
async fn receive(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    limits: ResponseLimits,
) -> Result<(Vec<u8>, Args), HttpReadError> {
    let (head, body) = http1::read_head(stream, buffer, limits.body).await?;
    let StartLine::Request { target } = head.start else {
        return Err(HttpRefusal::new(400, "Bad Request").into());
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
            writer.shutdown().await.map_err(HttpReadError::Io)
        };
        let parse = async {
            let parsed = args.read_multipart(&content_type, &mut reader).await;
            parsed.map_err(HttpReadError::Refused)
        };
        // Copying first, because a broken connection isn't a malformed form.
        tokio::try_join!(biased; copy, parse)?;
    } else {
        let body = body.read(stream, buffer).await?;
        args.read_body(content_type, &body).await?;
    }
    Ok((target, args))
}

/// Writes only the status of a request that can't be parsed, and closes the connection. Bytes that the
/// client still sends are read for a moment; otherwise it might see a reset instead of the status.
async fn refuse(mut stream: TcpStream, refusal: &HttpRefusal) {
    if stream.write_all(&refusal.to_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        let _ = timeout(Duration::from_secs(1), drain(&mut stream)).await;
    }
}

/// Closes the connection with a reset.
fn reset(stream: &TcpStream) {
    // The objection to this function is that closing may block, but not with a duration of zero.
    #[allow(deprecated)]
    stream.set_linger(Some(Duration::ZERO)).ok();
}

/// Reads and drops bytes until the client closes the connection.
async fn drain(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink).await, Ok(1..)) {}
}

/// The response to one request.
enum HttpAnswer {
    Answer(Answer),
    File(FileContent),
}

/// Executes a call or finds a file.
async fn respond(state: &State, target: &[u8], args: &Args) -> HttpAnswer {
    let path = percent_encoding::percent_decode(split_target(target).0).decode_utf8_lossy();
    let route = match route::find(&path, &state.token) {
        Ok(route) => route,
        Err(answer) => return HttpAnswer::Answer(answer),
    };
    let ApiPath {
        rest,
        test_environment,
        is_file,
    } = route;
    if is_file {
        let file = state.files.download(rest, test_environment);
        return file.map_or_else(|| HttpAnswer::Answer(route::not_found()), HttpAnswer::File);
    }
    let method = match (rest, args.params.get("method")) {
        ("", Some(_)) => args.text("method"),
        (method, _) => method.to_owned(),
    };
    let mut call = Call::new(method, args, Via::Http, test_environment);
    let fault = state.faults.on_call(&call.method);
    if let Some(CallFault::Refused(answer)) = fault {
        call.response = answer.to_value();
        state.log.push(call);
        return HttpAnswer::Answer(answer);
    }
    let answer = if call.is("getUpdates") {
        state.get_updates(call, args).await
    } else {
        state.execute(call, args).1
    };
    HttpAnswer::Answer(match fault {
        Some(fault) => fault.spoil(answer),
        None => answer,
    })
}

/// The path, and the rest of the target from `?` or `#` on.
fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    let path_end = target.iter().position(|b| matches!(b, b'?' | b'#'));
    target.split_at(path_end.unwrap_or(target.len()))
}
