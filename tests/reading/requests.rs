//! B1–B4, B10: what kind of request it is, how long, how slow, and how it comes.

use std::io;

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use tower::{ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    types::Update,
    webhook::{UpdateLayer, Webhook},
};

use crate::support::{
    adapter::{AnyBody, Bot, Handler, bots, bots_with, nothing, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Call, MESSAGE, SECRET},
};

for_each_server! {
    b1_only_post_is_allowed
    b2_only_json_is_taken
    b2_parameters_and_case_make_no_difference
    b3_a_body_over_the_limit_is_too_large_and_one_of_the_limit_isnt
    b3_the_default_limit_is_a_mebibyte
    b3_a_body_over_the_limit_of_a_layer_in_front_is_too_large
    b10_compressed_bodies_are_rejected_unread
}

for_each_server! { sockets:
    b3_the_answer_doesnt_wait_for_the_body_to_end
    b4_a_body_that_breaks_off_isnt_handled
    b10_http_1_0_is_answered
    b10_a_rejected_request_gets_no_100
    b10_a_request_in_pieces_is_put_together
    b10_forty_kept_alive_connections_are_served_side_by_side
}

#[cfg(feature = "tokio")]
for_each_server! { sockets:
    b4_a_body_that_never_ends_is_rejected_at_the_deadline
}

async fn bots_reading(server: Server, layer: UpdateLayer) -> Vec<Bot> {
    let webhook = Webhook::new(secret(SECRET)).update(layer);
    bots_with(server, &webhook, nothing).await
}

/// Sends it on a connection that carries on afterwards, where there are connections.
async fn refused(bot: &Bot, call: &Call) -> crate::support::wire::Answer {
    let Some(mut connection) = bot.endpoint.connect().await else {
        return bot.send(call).await;
    };
    let answer = connection.send(call).await;
    let after = connection.send(&Call::new(MESSAGE)).await;
    assert_eq!(after.status, 200, "{bot} after {call:?}");
    assert_eq!(bot.handled().len(), 1, "{bot} after {call:?}");
    answer
}

async fn b1_only_post_is_allowed(server: Server) {
    for bot in bots(server).await {
        for method in [
            "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            let call = Call::new(MESSAGE).method(method);
            let answer = refused(&bot, &call).await;
            assert_eq!(answer.status, 405, "{bot}: {method}");
            assert_eq!(answer.header("allow"), Some("POST"), "{bot}: {method}");
            assert_eq!(bot.handled(), [], "{bot}: {method}");
        }
    }
}

async fn b2_only_json_is_taken(server: Server) {
    for bot in bots(server).await {
        for other in [
            "",
            "json",
            "text/plain",
            "text/json",
            "application/jsonp",
            "application/json-seq",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=application/json",
            "x; application/json",
        ] {
            let call = Call::new(MESSAGE).with("Content-Type", other);
            assert_eq!(refused(&bot, &call).await.status, 415, "{bot}: {other}");
        }
        let call = Call::new(MESSAGE).without("Content-Type");
        assert_eq!(refused(&bot, &call).await.status, 415, "{bot}");
        assert_eq!(bot.handled(), [], "{bot}");
    }
}

async fn b2_parameters_and_case_make_no_difference(server: Server) {
    for bot in bots(server).await {
        for json in [
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "application/json ;",
            "Application/JSON",
        ] {
            let call = Call::new(MESSAGE).with("Content-Type", json);
            assert_eq!(bot.send(&call).await.status, 200, "{bot}: {json}");
            assert_eq!(bot.handled().len(), 1, "{bot}: {json}");
        }
    }
}

async fn b3_a_body_over_the_limit_is_too_large_and_one_of_the_limit_isnt(server: Server) {
    let layer = UpdateLayer::new().max_bytes(MESSAGE.len());
    let longer = format!("{MESSAGE} ");
    for bot in bots_reading(server, layer).await {
        for (call, status) in [
            (Call::new(MESSAGE), 200),
            (Call::new(MESSAGE).chunked(10), 200),
            (Call::new(&*longer), 413),
            (Call::new(&*longer).chunked(longer.len()), 413),
            (Call::new(&*longer).chunked(1), 413),
        ] {
            assert_eq!(bot.send(&call).await.status, status, "{bot}: {call:?}");
            assert_eq!(bot.handled().len(), usize::from(status == 200), "{bot}");
        }
    }
}

/// A declared length over the limit is enough, and so are bytes over the limit: neither waits for the rest.
async fn b3_the_answer_doesnt_wait_for_the_body_to_end(server: Server) {
    for bot in bots_reading(server, UpdateLayer::new().max_bytes(1000)).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        let declared = Call::new("").with("Content-Length", "1001");
        connection.write(&declared.head()).await;
        assert_eq!(connection.answer(&declared).await.status, 413, "{bot}");

        let mut connection = bot.endpoint.connect().await.expect("it listens");
        let chunked = Call::new(vec![b' '; 1001]).chunked(100);
        let content = chunked.content();
        connection.write(&chunked.head()).await;
        connection
            .write(&content[..content.len() - "0\r\n\r\n".len()])
            .await;
        assert_eq!(connection.answer(&chunked).await.status, 413, "{bot}");
        assert_eq!(bot.handled(), [], "{bot}");
    }
}

async fn b3_the_default_limit_is_a_mebibyte(server: Server) {
    let padded = |length: usize| format!("{MESSAGE}{}", " ".repeat(length - MESSAGE.len()));
    for bot in bots(server).await {
        let fits = bot.send(&Call::new(padded(1 << 20))).await;
        assert_eq!(fits.status, 200, "{bot}");
        let over = bot.send(&Call::new(padded((1 << 20) + 1))).await;
        assert_eq!(over.status, 413, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");
    }
}

#[cfg(feature = "tokio")]
async fn b4_a_body_that_never_ends_is_rejected_at_the_deadline(server: Server) {
    let layer = UpdateLayer::new().read_timeout(std::time::Duration::from_millis(100));
    for bot in bots_reading(server, layer).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        let call = Call::new(MESSAGE);
        connection.write(&call.head()).await;
        connection.write(&call.body[..20]).await;
        assert_eq!(connection.answer(&call).await.status, 408, "{bot}");
        assert_eq!(bot.handled(), [], "{bot}");

        let mut connection = bot.endpoint.connect().await.expect("it listens");
        let call = Call::new(MESSAGE).chunked(20);
        connection.write(&call.head()).await;
        connection.write(&call.content()[..30]).await;
        assert_eq!(connection.answer(&call).await.status, 408, "{bot}");
        assert_eq!(bot.handled(), [], "{bot}");
        assert_eq!(bot.send(&Call::new(MESSAGE)).await.status, 200, "{bot}");
    }
}

/// The sender hangs up half-way through: nothing is handled, and the server lives on.
async fn b4_a_body_that_breaks_off_isnt_handled(server: Server) {
    for bot in bots(server).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        let call = Call::new(MESSAGE);
        connection.write(&call.head()).await;
        connection.write(&call.body[..call.body.len() - 1]).await;
        drop(connection);
        assert_eq!(bot.send(&Call::new(MESSAGE)).await.status, 200, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");
    }
}

/// Such as tower-http's `RequestBodyLimitLayer`, whose error another layer may wrap.
async fn b3_a_body_over_the_limit_of_a_layer_in_front_is_too_large(server: Server) {
    let longer = format!("{MESSAGE} ");
    for wraps_error in [false, true] {
        let handler = Handler::<Update>::new(nothing);
        let webhook = Webhook::new(secret(SECRET)).without_delivery();
        let webhook = webhook.service(handler.clone());
        let limited = webhook.map_request(move |request: Request<AnyBody>| {
            request.map(|body| {
                let body = Limited::new(body, MESSAGE.len());
                let wrapped = body.map_err(move |error| {
                    if wraps_error {
                        return io::Error::other(error).into();
                    }
                    error
                });
                wrapped.boxed_unsync()
            })
        });
        let endpoint = server.serve_any(BoxCloneSyncService::new(limited)).await;
        for (call, status) in [
            (Call::new(MESSAGE).chunked(10), 200),
            (Call::new(&*longer).chunked(longer.len()), 413),
            (Call::new(&*longer).chunked(1), 413),
        ] {
            let answer = endpoint.send(&call).await;
            assert_eq!(answer.status, status, "{server:?}: {call:?}");
            let updates = std::mem::take(&mut *handler.handled.lock().expect("not poisoned"));
            assert_eq!(updates.len(), usize::from(status == 200), "{server:?}");
        }
    }
}

async fn b10_compressed_bodies_are_rejected_unread(server: Server) {
    for bot in bots(server).await {
        for encoding in ["gzip", "deflate", "br", "identity, gzip"] {
            let call = Call::new(MESSAGE).header("Content-Encoding", encoding);
            assert_eq!(refused(&bot, &call).await.status, 415, "{bot}: {encoding}");
        }
        let call = Call::new(MESSAGE).header("Content-Encoding", "identity");
        assert_eq!(bot.send(&call).await.status, 200, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");
    }
}

async fn b10_http_1_0_is_answered(server: Server) {
    for bot in bots(server).await {
        let mut call = Call::new(MESSAGE);
        call.version = "HTTP/1.0";
        assert_eq!(bot.send(&call).await.status, 200, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");
    }
}

/// The server in front sends 100 once the body is polled. No layer polls the body of a request
/// that is rejected by its head.
async fn b10_a_rejected_request_gets_no_100(server: Server) {
    for bot in bots(server).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        let call = Call::new(MESSAGE).header("Expect", "100-continue");
        connection.write(&call.head()).await;
        let (interim, headers) = connection.read_head().await;
        assert_eq!((interim, headers.len()), (100, 0), "{bot}");
        connection.write(&call.content()).await;
        assert_eq!(connection.answer(&call).await.status, 200, "{bot}");
        assert_eq!(bot.handled().len(), 1, "{bot}");

        for (call, status) in [
            (
                call.clone()
                    .with(crate::support::wire::SECRET_HEADER, "guess"),
                401,
            ),
            (call.clone().method("PUT"), 405),
            (call.clone().with("Content-Length", "99999999"), 413),
            (call.without("Content-Type"), 415),
        ] {
            let mut connection = bot.endpoint.connect().await.expect("it listens");
            connection.write(&call.head()).await;
            let answer = connection.answer(&call).await;
            assert_eq!(answer.status, status, "{bot}");
            assert!(answer.interim.is_empty(), "{bot}: {status}");
        }
        assert_eq!(bot.handled(), [], "{bot}");
    }
}

/// Telegram writes head and body as two buffers; the network may cut them anywhere.
async fn b10_a_request_in_pieces_is_put_together(server: Server) {
    for bot in bots(server).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        let call = Call::new(MESSAGE);
        let wire = [call.head(), call.body.clone()].concat();
        let head = call.head().len();
        for cut in [1, 10, head - 1, head, head + 1, wire.len() - 1] {
            let (start, end) = wire.split_at(cut);
            connection.write(start).await;
            // Lets the server see that this is all for now.
            tokio::task::yield_now().await;
            connection.write(end).await;
            assert_eq!(connection.answer(&call).await.status, 200, "{bot}: {cut}");
        }
        assert_eq!(bot.handled().len(), 6, "{bot}");
    }
}

async fn b10_forty_kept_alive_connections_are_served_side_by_side(server: Server) {
    for bot in bots(server).await {
        let mut connections = Vec::new();
        for _ in 0..40 {
            connections.push(bot.endpoint.connect().await.expect("a socket"));
        }
        let sent = 5 * connections.len();
        let call = Call::new(MESSAGE);
        for _ in 0..5 {
            // All have one under way before any is answered.
            for connection in &mut connections {
                connection.write(&call.head()).await;
            }
            for connection in &mut connections {
                connection.write(&call.content()).await;
            }
            for connection in &mut connections {
                assert_eq!(connection.answer(&call).await.status, 200, "{bot}");
            }
        }
        assert_eq!(bot.handled().len(), sent, "{bot}");
    }
}
