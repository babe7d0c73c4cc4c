//! An HTTP API of API Gateway on loopback, whose every request is an invocation of a function.

use std::net::SocketAddr;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request},
    http::{HeaderMap, Response, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// The most bytes that API Gateway takes in a request.
const MAX_REQUEST: usize = 10 << 20;

/// The most bytes of JSON that Lambda takes as a function's response.
pub(crate) const MAX_RESPONSE: usize = 6 << 20;

/// Serves until the test's runtime ends. The function returns its response, or an error of its own.
pub(crate) async fn serve<F, Fut>(invoke: F) -> SocketAddr
where
    F: Fn(Value) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, Value>> + Send,
{
    let handle = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MAX_REQUEST).await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        };
        match invoke(event(&head, &body, peer)).await {
            Ok(returned) if returned.to_string().len() <= MAX_RESPONSE => response(&returned),
            Ok(_) | Err(_) => status(StatusCode::BAD_GATEWAY),
        }
    };
    let app = axum::Router::new().fallback(handle);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The event of a request, in the payload format 2.0. Several headers of one name become one, with commas.
fn event(head: &Parts, body: &[u8], peer: SocketAddr) -> Value {
    let path = head.uri.path();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers(&head.headers),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": peer.ip().to_string(),
                "userAgent": "",
            },
            "requestId": "request-id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "27/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_773_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    set_body(&mut event, body);
    event
}

/// Text as it is, and other bytes in base64.
fn set_body(event: &mut Value, body: &[u8]) {
    match str::from_utf8(body) {
        Ok("") => {}
        Ok(text) => event["body"] = text.into(),
        Err(_) => encode_body(event, body),
    }
}

pub(crate) fn encode_body(event: &mut Value, body: &[u8]) {
    event["body"] = STANDARD.encode(body).into();
    event["isBase64Encoded"] = true.into();
}

fn headers(headers: &HeaderMap) -> Value {
    let mut joined = Map::new();
    for name in headers.keys() {
        // Those of the connection end at the gateway.
        if [header::CONNECTION, header::TRANSFER_ENCODING].contains(name) {
            continue;
        }
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        joined.insert(name.to_string(), values.join(",").into());
    }
    joined.into()
}

/// The response that a function has returned in the payload format 2.0.
fn response(returned: &Value) -> Response<Body> {
    let code = returned["statusCode"].as_u64().expect("a status");
    let code = u16::try_from(code).expect("three digits");
    let mut response = Response::builder().status(code);
    for (name, value) in returned["headers"].as_object().expect("headers") {
        response = response.header(name, value.as_str().expect("a text"));
    }
    let body = Body::from(body_of(returned));
    response.body(body).expect("a response")
}

pub(crate) fn body_of(returned: &Value) -> Bytes {
    let body = returned["body"].as_str().unwrap_or_default();
    if returned["isBase64Encoded"] == true {
        STANDARD.decode(body).expect("base64").into()
    } else {
        Bytes::copy_from_slice(body.as_bytes())
    }
}
