//! The one address that Telegram knows: it passes a request to a replica, and to the next if that is dead.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use example_bot::Failure;
use http::{Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1 as client,
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// Ends when it is dropped.
pub(crate) struct Front {
    pub(crate) url: String,
    serving: AbortHandle,
}

impl Front {
    pub(crate) async fn start(replicas: Vec<String>) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/telegram", listener.local_addr()?);
        let replicas = Arc::new(Replicas {
            addresses: replicas,
            next: AtomicUsize::new(0),
        });
        let serving = tokio::spawn(serve(listener, replicas)).abort_handle();
        Ok(Self { url, serving })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, replicas: Arc<Replicas>) {
    while let Ok((stream, _)) = listener.accept().await {
        let replicas = Arc::clone(&replicas);
        let service = service_fn(move |request| {
            let replicas = Arc::clone(&replicas);
            async move { Ok::<_, Infallible>(replicas.answer(request).await) }
        });
        let connection = server::Builder::new().serve_connection(TokioIo::new(stream), service);
        // One that breaks is Telegram's to make again.
        tokio::spawn(connection);
    }
}

struct Replicas {
    addresses: Vec<String>,
    /// They take turns.
    next: AtomicUsize,
}

impl Replicas {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if let Ok(body) = body.collect().await {
            let body = body.to_bytes();
            let first = self.next.fetch_add(1, Ordering::Relaxed);
            for turn in 0..self.addresses.len() {
                let address = &self.addresses[(first + turn) % self.addresses.len()];
                // What died with the request in its hands may have queued it: it is there once.
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
    let handshake = client::handshake(TokioIo::new(stream)).await;
    let (mut replica, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request = Request::from_parts(head.clone(), Full::new(body));
    request.headers_mut().remove(header::CONNECTION);
    let answer = replica.send_request(request).await;
    let (head, body) = answer.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}
