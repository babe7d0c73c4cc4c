//! The server that the shared rows run over here.

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::server::{Server as TonicServer, TcpConnectInfo, TcpIncoming},
};
use tower::ServiceExt as _;
use tower_telegram::{
    types::Update,
    webhook::{SecretTokens, SourceIpLayer, WebhookService},
};

use crate::adapter::{Answering, AnyService, Bot, Endpoint, Handler};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// A gRPC server that has the webhook on the same port.
    Tonic,
}

impl Server {
    pub(crate) const ALL: [Self; 1] = [Self::Tonic];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tonic => "tonic",
        }
    }

    pub(crate) async fn serve<U>(self, service: WebhookService<Handler<U>, U>) -> Endpoint
    where
        U: DeserializeOwned + Send + 'static,
    {
        serve(|grpc| grpc.route_service("/bot", service)).await
    }

    /// Serves what isn't just a webhook.
    pub(crate) async fn serve_any(self, service: AnyService) -> Endpoint {
        let boxed =
            |request: Request<Body>| request.map(|body| body.map_err(Into::into).boxed_unsync());
        serve(|grpc| grpc.route_service("/bot", service.map_request(boxed))).await
    }

    /// Tells the layer where this server says who the peer is.
    pub(crate) fn find_peer(self, layer: SourceIpLayer) -> SourceIpLayer {
        match self {
            Self::Tonic => layer.peer_from(|extensions| {
                let info = extensions.get::<TcpConnectInfo>()?;
                Some(info.remote_addr()?.ip())
            }),
        }
    }
}

/// Serves until the test's runtime ends.
async fn serve(add: impl FnOnce(Router) -> Router) -> Endpoint {
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::from(add(Routes::new(health).into_axum_router()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(
        TonicServer::builder()
            .accept_http1(true)
            .add_routes(routes)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    Endpoint::Socket(address)
}

/// There is nothing that extracts.
pub(crate) fn extractors(_: &SecretTokens, _: Answering<Update>) -> std::future::Ready<Vec<Bot>> {
    std::future::ready(Vec::new())
}
