//! The servers that this crate's own tests run over.

use std::convert::Infallible;

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tower::{Service, util::BoxCloneSyncService};
use tower_telegram::{
    IntoReply,
    types::Update,
    webhook::{SecretTokens, WebhookService},
};

use crate::adapter::{Answering, Bot, BoxError, Endpoint, Handler};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// No server: the service is called.
    Oneshot,
    Hyper,
    Axum,
}

impl Server {
    pub(crate) const ALL: [Self; 3] = [Self::Oneshot, Self::Hyper, Self::Axum];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oneshot => "oneshot",
            Self::Hyper => "hyper",
            Self::Axum => "axum",
        }
    }

    pub(crate) async fn serve<S, U>(self, service: WebhookService<S, U>) -> Endpoint
    where
        S: Service<Request<U>, Response: IntoReply, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        U: DeserializeOwned + Send + 'static,
    {
        match self {
            Self::Oneshot => Endpoint::Service(BoxCloneSyncService::new(service)),
            Self::Hyper => serve_hyper(service).await,
            Self::Axum => serve_axum(Router::new().route_service("/bot", service)).await,
        }
    }
}

/// A loopback port, chosen by the system.
async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, Endpoint::Socket(address))
}

/// Serves until the test's runtime ends.
pub(crate) async fn serve_hyper<S, B>(service: S) -> Endpoint
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (listener, endpoint) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    endpoint
}

async fn serve_axum(router: Router) -> Endpoint {
    let (listener, endpoint) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

/// A handler of axum's that extracts the update, behind our layer for the secret.
#[cfg(feature = "axum")]
pub(crate) async fn extractors(tokens: &SecretTokens, answering: Answering<Update>) -> Vec<Bot> {
    use axum::{Extension, http::StatusCode, routing::post};
    use tower_telegram::webhook::{BotId, SecretTokenLayer};

    let handler = Handler::new(answering);
    let state = handler.clone();
    let handle = async move |bot: Option<Extension<BotId>>, update: Update| {
        let reply = state.handle(update, bot.map(|Extension(bot)| bot));
        reply.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    };
    let router = Router::new()
        .route("/bot", post(handle))
        .layer(SecretTokenLayer::new(tokens.clone()));
    vec![Bot {
        name: "axum's extractor",
        endpoint: serve_axum(router).await,
        handler,
    }]
}

#[cfg(not(feature = "axum"))]
pub(crate) fn extractors(_: &SecretTokens, _: Answering<Update>) -> std::future::Ready<Vec<Bot>> {
    std::future::ready(Vec::new())
}
