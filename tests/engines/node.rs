//! Nodes of NATS: one alone, or a cluster.

use async_nats::{ConnectOptions, jetstream};

use crate::process::{Folder, ServerProcess, free_ports};

/// A running node. Its store is in the folder of its cluster.
pub(crate) struct Node {
    pub(crate) process: ServerProcess,
    pub(crate) name: String,
    pub(crate) url: String,
    port: u16,
}

/// One node without a cluster.
pub(crate) async fn start_alone(folder: &Folder) -> Node {
    let [port] = free_ports();
    start(folder, 0, port, &[]).await
}

/// The node as it was when it was killed, on the same port.
pub(crate) async fn start_again(folder: &Folder, node: &Node) -> Node {
    start(folder, 0, node.port, &[]).await
}

/// Three nodes that replicate to each other.
pub(crate) async fn start_cluster(folder: &Folder) -> Vec<Node> {
    let ports: [u16; 3] = free_ports();
    let routes: [u16; 3] = free_ports();
    let all = routes
        .map(|port| format!("nats://127.0.0.1:{port}"))
        .join(",");
    let mut nodes = Vec::new();
    for (number, (port, route)) in ports.into_iter().zip(routes).enumerate() {
        let listen = format!("nats://127.0.0.1:{route}");
        let arguments = [
            "--cluster_name",
            "bots",
            "--cluster",
            &listen,
            "--routes",
            &all,
        ];
        nodes.push(start(folder, number, port, &arguments).await);
    }
    nodes
}

async fn start(folder: &Folder, number: usize, port: u16, more: &[&str]) -> Node {
    let store = folder.path().join(number.to_string());
    let store = store.to_str().expect("it is UTF-8");
    let (name, port_text) = (format!("n{number}"), port.to_string());
    let mut arguments = vec!["--addr", "127.0.0.1", "--port", &port_text, "--name", &name];
    arguments.extend(["--jetstream", "--store_dir", store]);
    arguments.extend(more);
    Node {
        process: ServerProcess::start("nats-server", &arguments, port).await,
        name,
        url: format!("nats://127.0.0.1:{port}"),
        port,
    }
}

/// A connection that reconnects to any of these nodes by itself.
pub(crate) async fn connect(urls: &[String]) -> jetstream::Context {
    let options = ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect(urls).await;
    jetstream::new(client.expect("it connects later"))
}
