//! gRPC and the webhook on one port.

use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    adapter::{Endpoint, bots},
    servers::Server,
    wire::{Call, MESSAGE},
};

#[tokio::test]
async fn grpc_calls_and_updates_are_served_side_by_side() {
    for bot in bots(Server::Tonic).await {
        let Endpoint::Socket(address) = &bot.endpoint else {
            panic!("{bot} has no socket");
        };
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let mut client = HealthClient::new(channel.connect().await.expect("it speaks HTTP/2"));
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        for _ in 0..3 {
            let request = HealthCheckRequest::default();
            let response = client.check(request).await.expect("an answer");
            assert_eq!(response.into_inner().status(), ServingStatus::Serving);
            let answer = connection.send(&Call::new(MESSAGE)).await;
            assert_eq!(answer.status, 200, "{bot}");
            assert_eq!(bot.one().update_id, 7, "{bot}");
        }
    }
}
