//! The one address that Telegram knows: it passes a request to a replica, and to the next if that is dead.

use crate::failure::Failure;
use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::AbortHandle};
use tower::service_fn;
use tower_telegram::server::{RequestBody, Server};

/// Ends when it is dropped.
pub(crate) struct Front {
    pub(crate) url: String,
    serving: AbortHandle,
}

impl Front {
    pub(crate) async fn start(replicas: Vec<String>) -> Result<Self, Failure> {
        let server = Server::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/telegram", server.local_addr()?);
        let replicas = Arc::new(Replicas {
            addresses: replicas,
            next: AtomicUsize::new(0),
        });
        let service = service_fn(move |request| {
            let replicas = Arc::clone(&replicas);
            async move { Ok::<_, Infallible>(replicas.answer(request).await) }
        });
        let serving = tokio::spawn(server.serve(service)).abort_handle();
        Ok(Self { url, serving })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Replicas {
    addresses: Vec<String>,
    /// They take turns.
    next: AtomicUsize,
}

impl Replicas {
    async fn answer(&self, request: Request<RequestBody>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if let Ok(body) = body.collect().await {
            let body = body.to_bytes();
            let first = self.next.fetch_add(1, Ordering::Relaxed);
            for turn in 0..self.addresses.len() {
                let address = &self.addresses[(first + turn) % self.addresses.len()];
                // A replica that died during the request may have queued the update. The queue has it once.
                if let Ok(answer) = pass_on(address, &head, body.clone()).await {
                    return answer;
                }
            }
        }
        let mut nobody = Response::new(Full::default());
        *nobody.status_mut() = StatusCode::BAD_GATEWAY;
        nobody
    }
}

async fn pass_on(address: &str, head: &Parts, body: Bytes) -> io::Result<Response<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut replica, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request = Request::from_parts(head.clone(), Full::new(body));
    request.headers_mut().remove(header::CONNECTION);
    let answer = replica.send_request(request).await;
    let (head, body) = answer.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}
