//! The server that the shared rows run over here.

use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::server::{Server as TonicServer, TcpIncoming},
};
use tower_telegram::{
    types::Update,
    webhook::{SecretTokens, WebhookService},
};

use crate::adapter::{Answering, Bot, Endpoint, Handler};

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
        let (_, health) = tonic_health::server::health_reporter();
        let grpc = Routes::new(health).into_axum_router();
        let routes = Routes::from(grpc.route_service("/bot", service));
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
}

/// There is nothing that extracts.
pub(crate) fn extractors(_: &SecretTokens, _: Answering<Update>) -> std::future::Ready<Vec<Bot>> {
    std::future::ready(Vec::new())
}
