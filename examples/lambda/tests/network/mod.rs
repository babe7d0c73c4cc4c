//! A network in front of a server, which can forget the connections that it has.

use std::{future::pending, net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpSocket, TcpStream},
    sync::Notify,
};

pub(crate) struct Network {
    address: SocketAddr,
    forget: Arc<Notify>,
}

impl Network {
    /// In front of the server of a URL such as `redis://127.0.0.1:6379`, until the test's runtime ends.
    pub(crate) async fn to(url: &str) -> Self {
        let server = url.strip_prefix("redis://").unwrap().to_owned();
        let socket = TcpSocket::new_v4().unwrap();
        // Room for a few commands. Those for which there is none stay unacknowledged, as if they were lost.
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let forget = Arc::new(Notify::new());
        let forgetting = Arc::clone(&forget);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&forgetting)));
            }
        });
        Self { address, forget }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Carries nothing more on the connections that are open now, and closes none of them. Later ones work.
    pub(crate) fn drop_connections(&self) {
        self.forget.notify_waiters();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, forget: Arc<Notify>) {
    let forgotten = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        () = forget.notified() => true,
    };
    if forgotten {
        pending::<()>().await;
    }
}
