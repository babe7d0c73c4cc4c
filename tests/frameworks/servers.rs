//! The servers over which the shared rows run here.

use std::{convert::Infallible, net::SocketAddr, pin::Pin};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::BodyExt as _;
use lambda_http::{
    Adapter, Context, LambdaEvent,
    request::{LambdaRequest, RequestContext},
};
use poem::{EndpointExt as _, endpoint::TowerCompatExt as _};
use salvo::{Listener as _, prelude::TowerServiceCompat};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    IntoReply,
    server::{RequestBody, Server as TelegramServer},
    types::Update,
    webhook::{PeerAddr, ReplyBody, SecretTokens, SourceIpLayer, WebhookService},
};
use warp::Filter as _;

use crate::{
    gateway,
    support::adapter::{Answering, AnyBody, AnyService, Bot, BoxError, Endpoint},
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// A route of salvo's.
    Salvo,
    /// A route of poem's.
    Poem,
    /// A path beside warp's filters.
    Warp,
    /// A function behind API Gateway.
    Lambda,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Salvo => "salvo",
            Self::Poem => "poem",
            Self::Warp => "warp",
            Self::Lambda => "lambda",
        }
    }

    pub(crate) async fn serve<S, U>(self, service: WebhookService<S, U>) -> Endpoint
    where
        S: Service<Request<U>, Response: IntoReply, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        U: DeserializeOwned + Send + 'static,
    {
        self.serve_any(BoxCloneSyncService::new(service)).await
    }

    /// Serves a service that isn't a webhook alone.
    pub(crate) async fn serve_any(self, service: AnyService) -> Endpoint {
        Endpoint::Socket(match self {
            Self::Salvo => serve_salvo(service).await,
            Self::Poem => serve_poem(service).await,
            Self::Warp => serve_warp(service).await,
            Self::Lambda => serve_lambda(service).await,
        })
    }

    /// Configures the layer for this server's way to name the peer.
    pub(crate) fn find_peer(self, layer: SourceIpLayer) -> SourceIpLayer {
        match self {
            // With the layer's own type.
            Self::Salvo | Self::Poem | Self::Warp => layer,
            Self::Lambda => layer.peer_from(|extensions| match extensions.get()? {
                RequestContext::ApiGatewayV2(context) => {
                    context.http.source_ip.as_deref()?.parse().ok()
                }
                _ => None,
            }),
        }
    }

    /// These servers have no extractors.
    #[expect(clippy::unused_async, reason = "others serve theirs")]
    pub(crate) async fn extractors(self, _: &SecretTokens, _: Answering<Update>) -> Vec<Bot> {
        Vec::new()
    }
}

/// All servers, or those with connections, for a row of `for_each_server!`. API Gateway has a request whole before it
/// invokes a function, so no row about connections applies to Lambda.
macro_rules! servers {
    (all $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* salvo: Salvo, poem: Poem, warp: Warp, lambda: Lambda }
    };
    (sockets $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* salvo: Salvo, poem: Poem, warp: Warp }
    };
}
pub(crate) use servers;

fn any_body<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    body.map_err(Into::into).boxed_unsync()
}

type Responding<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

/// Boxed, because the compiler can't prove that a future around this body is `Send`.
fn handle<B>(service: AnyService, request: Request<B>) -> Responding<ReplyBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Box::pin(service.oneshot(request.map(any_body)))
}

/// Writes the length of a response into its head, because the bridges of salvo and poem hide it from their servers.
fn with_length(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if let Some(length) = response.body().size_hint().exact() {
        let length = HeaderValue::from(length);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
    }
    response
}

/// A loopback port, chosen by the system.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Serves until the test's runtime ends.
async fn serve_salvo(service: AnyService) -> SocketAddr {
    let service = ServiceBuilder::new()
        .map_request(|request: Request<salvo::http::ReqBody>| request.map(any_body))
        .map_response(with_length)
        .service(service);
    let bridged = TowerServiceCompat::<salvo::http::ReqBody, _, _, _>::compat(service);
    let route = salvo::Router::with_path("bot")
        .hoop(salvo_peer)
        .goal(bridged);
    let listener = salvo::conn::TcpListener::new("127.0.0.1:0");
    let listener = listener.try_bind().await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(salvo::Server::new(listener).try_serve(route));
    address
}

/// The bridge passes extensions on, and salvo has the address elsewhere.
#[salvo::handler]
async fn salvo_peer(request: &mut salvo::Request) {
    if let Some(peer) = request.remote_addr().clone().into_std() {
        request.extensions_mut().insert(PeerAddr(peer));
    }
}

async fn serve_poem(service: AnyService) -> SocketAddr {
    let service = ServiceBuilder::new()
        .map_request(|request: Request<PoemBody>| request.map(any_body))
        .map_response(with_length)
        .service(service);
    let route = poem::Route::new().at("/bot", service.compat().before(poem_peer));
    let (listener, address) = listen().await;
    let acceptor = poem::listener::TcpAcceptor::from_tokio(listener).expect("an address");
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(route));
    address
}

type PoemBody = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// The bridge passes extensions on, and poem has the address elsewhere.
async fn poem_peer(mut request: poem::Request) -> poem::Result<poem::Request> {
    if let Some(peer) = request.remote_addr().as_socket_addr().copied() {
        request.set_data(PeerAddr(peer));
    }
    Ok(request)
}

async fn serve_warp(service: AnyService) -> SocketAddr {
    let routes = warp::service(warp::path!("health").map(|| String::from("ok")).boxed());
    let app = service_fn(move |request: Request<RequestBody>| {
        let future: Responding<AnyBody> = if request.uri().path() == "/bot" {
            let future = handle(service.clone(), request);
            Box::pin(async move { Ok(future.await?.map(any_body)) })
        } else {
            let future = routes.clone().oneshot(request);
            Box::pin(async move { Ok(future.await?.map(any_body)) })
        };
        future
    });
    let (listener, address) = listen().await;
    tokio::spawn(TelegramServer::new(listener).serve(app));
    address
}

/// Invokes the function as `lambda_http::run` does, without its HTTP calls: their address is in an environment variable,
/// which the tests would share.
async fn serve_lambda(service: AnyService) -> SocketAddr {
    let function = Adapter::from(service_fn(move |request: lambda_http::Request| {
        handle(service.clone(), request)
    }));
    let function = ServiceBuilder::new()
        .map_response(|response| serde_json::to_value(response).expect("JSON"))
        .service(function);
    let function: Function = BoxCloneSyncService::new(function);
    gateway::serve(move |event: Value| {
        let function = function.clone();
        async move {
            let request = serde_json::from_str(&event.to_string());
            let request = request.map_err(|error| error.to_string())?;
            let event = LambdaEvent::new(request, Context::default());
            let Ok(response) = function.oneshot(event).await;
            Ok(response)
        }
    })
    .await
}

type Function = BoxCloneSyncService<LambdaEvent<LambdaRequest>, Value, Infallible>;
