//! A bot behind any of the servers.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::{Ready, ready},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    Reply,
    types::Update,
    webhook::{BotId, ReplyBody, SecretToken, SecretTokens, Webhook},
};

use crate::support::{
    servers::Server,
    wire::{Answer, Call, Connection, SECRET},
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type AnyService = BoxCloneSyncService<Request<AnyBody>, Response<ReplyBody>, Infallible>;

/// Boxed, because the compiler can't prove that a future around this body is `Send`. Only the rows about
/// deliveries need it.
#[allow(dead_code)]
type Handling = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, Infallible>> + Send>>;

/// The address or the service that requests are sent to.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    Service(AnyService),
    Socket(SocketAddr),
}

impl Endpoint {
    /// Sends one request, over a new connection if the server has connections.
    pub(crate) async fn send(&self, call: &Call) -> Answer {
        match self {
            Self::Socket(_) => self.connect().await.expect("a socket").send(call).await,
            Self::Service(service) => {
                let Ok(response) = service.clone().oneshot(call.request()).await;
                let answer = read(response).await;
                answer.check(call);
                answer
            }
        }
    }

    /// The same, as a future that can be spawned.
    #[allow(dead_code)]
    pub(crate) fn sending(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let Self::Service(service) = self else {
            let connecting = self.clone();
            return Box::pin(async move {
                let connection = connecting.connect().await;
                connection.expect("a socket").send(&call).await
            });
        };
        let handling: Handling = Box::pin(service.clone().oneshot(call.request()));
        Box::pin(async move {
            let Ok(response) = handling.await;
            let answer = read(response).await;
            answer.check(&call);
            answer
        })
    }

    pub(crate) async fn connect(&self) -> Option<Connection> {
        let Self::Socket(address) = self else {
            return None;
        };
        let stream = TcpStream::connect(address).await;
        Some(Connection::new(stream.expect("the server listens")))
    }
}

/// Reads the response of a service that is called without a connection, with the length that a server would
/// write by the body's size hint.
pub(crate) async fn read(response: Response<ReplyBody>) -> Answer {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        let length = HeaderValue::from(length);
        head.headers.append(header::CONTENT_LENGTH, length);
    }
    let body = body.collect().await.expect("the body is whole");
    let headers = head.headers.iter();
    Answer {
        status: head.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        interim: Vec::new(),
        trailers: body.trailers().is_some(),
        body: body.to_bytes().to_vec(),
    }
}

/// The reply of a test's bot to an update.
pub(crate) type Answering<U> = fn(&U) -> Result<Reply, BoxError>;

#[expect(clippy::unnecessary_wraps, reason = "it is an `Answering`")]
pub(crate) fn nothing<U>(_: &U) -> Result<Reply, BoxError> {
    Ok(Reply::nothing())
}

/// An update that the handler got, with the ID of its bot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Handled<U> {
    pub(crate) update: U,
    pub(crate) bot: Option<BotId>,
}

/// A handler that keeps its updates.
#[derive(Debug)]
pub(crate) struct Handler<U> {
    pub(crate) handled: Arc<Mutex<Vec<Handled<U>>>>,
    pub(crate) answering: Answering<U>,
}

impl<U> Handler<U> {
    pub(crate) fn new(answering: Answering<U>) -> Self {
        Self {
            handled: Arc::default(),
            answering,
        }
    }

    pub(crate) fn handle(&self, update: U, bot: Option<BotId>) -> Result<Reply, BoxError> {
        let reply = (self.answering)(&update);
        let mut handled = self.handled.lock().expect("no handler holds it");
        handled.push(Handled { update, bot });
        reply
    }
}

impl<U> Clone for Handler<U> {
    fn clone(&self) -> Self {
        Self {
            handled: self.handled.clone(),
            answering: self.answering,
        }
    }
}

impl<U> Service<Request<U>> for Handler<U> {
    type Response = Reply;
    type Error = BoxError;
    type Future = Ready<Result<Reply, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<U>) -> Self::Future {
        let bot = request.extensions().get().copied();
        ready(self.handle(request.into_body(), bot))
    }
}

/// A running bot.
#[derive(Debug)]
pub(crate) struct Bot<U = Update> {
    pub(crate) name: &'static str,
    pub(crate) endpoint: Endpoint,
    pub(crate) handler: Handler<U>,
}

impl<U> Bot<U> {
    pub(crate) async fn send(&self, call: &Call) -> Answer {
        self.endpoint.send(call).await
    }

    /// The updates that were handled since the last call.
    pub(crate) fn handled(&self) -> Vec<Handled<U>> {
        std::mem::take(&mut *self.handler.handled.lock().expect("no handler holds it"))
    }

    /// The only update that was handled since the last call.
    pub(crate) fn one(&self) -> U {
        let mut handled = self.handled();
        assert_eq!(handled.len(), 1, "{self} handles it once");
        handled.remove(0).update
    }
}

impl<U> fmt::Display for Bot<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(crate) fn secret(text: &str) -> SecretToken {
    SecretToken::new(text).expect("a valid secret")
}

/// The usual webhook, in each way in which the server can have one.
pub(crate) async fn bots(server: Server) -> Vec<Bot> {
    bots_admitting(server, &secret(SECRET).into(), nothing).await
}

/// The same, with secrets that the test changes, or with a reply.
pub(crate) async fn bots_admitting(
    server: Server,
    tokens: &SecretTokens,
    answering: Answering<Update>,
) -> Vec<Bot> {
    let mut bots = bots_with(server, &Webhook::new(tokens.clone()), answering).await;
    bots.extend(server.extractors(tokens, answering).await);
    bots
}

/// A webhook of the test, as a service, which every server supports.
pub(crate) async fn bots_with<U>(
    server: Server,
    webhook: &Webhook<U>,
    answering: Answering<U>,
) -> Vec<Bot<U>>
where
    U: DeserializeOwned + Send + 'static,
{
    let handler = Handler::new(answering);
    // These rows send the same update repeatedly, and each one must be handled.
    let service = webhook.clone().without_delivery();
    let service = service.service(handler.clone());
    vec![Bot {
        name: server.name(),
        endpoint: server.serve(service).await,
        handler,
    }]
}
