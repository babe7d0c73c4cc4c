//! The Bot API server: requests in, answers out, in the real server's bytes.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
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
    http1::{self, Message, ReadError, Refusal, Start},
    state::State,
};

const IDLE: Duration = Duration::from_secs(500);
const MAX_CONNECTIONS: usize = 1024;
const MAX_TOKEN: usize = 80;

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
        let message = match timeout(
            IDLE,
            http1::read(&mut stream, &mut buffer, state.max_upload),
        )
        .await
        {
            Ok(Ok(message)) => message,
            Ok(Err(ReadError::Refused(refusal))) => return refuse(stream, &refusal).await,
            Ok(Err(ReadError::Closed | ReadError::Io(_))) | Err(_) => return,
        };
        let answer = match answer(&state, message).await {
            Ok(answer) => answer,
            Err(refusal) => return refuse(stream, &refusal).await,
        };
        sleep(answer.delay()).await;
        let sent = match answer.to_response() {
            Response::Bytes(head, body) => {
                async {
                    stream.write_all(&head).await?;
                    stream.write_all(&body).await
                }
                .await
            }
            Response::HangUp => return,
            Response::Silence => return drain(&mut stream).await,
        };
        if sent.is_err() {
            return;
        }
    }
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

async fn answer(state: &State, message: Message) -> Result<Answer, Refusal> {
    let Start::Request { target } = message.start else {
        return Err(Refusal::new(400, "Bad Request"));
    };
    let path_end = target
        .iter()
        .position(|b| matches!(b, b'?' | b'#'))
        .unwrap_or(target.len());
    let (path, query) = target.split_at(path_end);
    let mut args = Args::default();
    if let Some(query) = query.strip_prefix(b"?") {
        args.read_form(query)?;
    }
    args.read_body(
        http1::header(&message.headers, "content-type"),
        &message.body,
    )
    .await?;

    let path = percent_encoding::percent_decode(path).decode_utf8_lossy();
    match route(&path, &state.token) {
        Ok(Route {
            method,
            test_environment,
        }) => {
            let method = match (method, args.params.get("method")) {
                ("", Some(_)) => args.text("method"),
                (method, _) => method.to_owned(),
            };
            let call = Call::new(method, &args, Via::Http, test_environment);
            if call.is("getUpdates") {
                return Ok(state.get_updates(call, &args).await);
            }
            Ok(state.execute(call, &args).1)
        }
        Err(answer) => Ok(answer),
    }
}

#[derive(Debug)]
struct Route<'a> {
    method: &'a str,
    test_environment: bool,
}

fn route<'a>(path: &'a str, token: &str) -> Result<Route<'a>, Answer> {
    if !path.starts_with('/') {
        return Err(Answer::error(
            404,
            "Not Found: absolute URI is specified in the Request-Line",
        ));
    }
    let not_found = || Answer::error(404, "Not Found");
    let rest = path.strip_prefix("/bot").ok_or_else(not_found)?;
    let (given, rest) = rest.split_at(rest.find('/').ok_or_else(not_found)?);
    let (rest, test_environment) = rest
        .strip_prefix("/test")
        .map_or((rest, false), |rest| (rest, true));
    let method = rest.strip_prefix('/').ok_or_else(not_found)?;

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
        method,
        test_environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(path: &str) -> Result<(&str, bool), (u16, String)> {
        match route(path, "42:AA") {
            Ok(route) => Ok((route.method, route.test_environment)),
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
    }

    #[test]
    fn other_paths_and_tokens_are_turned_away() {
        let error = |code, text: &str| Err((code, text.to_owned()));
        for path in ["/", "/bot42:AA", "/file/bot42:AA/x", "/bot42:AA/testing"] {
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
