//! The runtime API of Lambda on loopback, from which an instance of a function takes its invocations. Like Lambda, it
//! runs one at a time, and freezes the instance between two.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{Response, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::Command,
    sync::{
        Mutex as AsyncMutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::timeout,
};

use crate::gateway::MAX_RESPONSE;

/// The response of a function, or its error.
type Returned = Result<Value, Value>;

struct Invocation {
    event: Value,
    returned: oneshot::Sender<Returned>,
}

#[derive(Clone)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    queue: UnboundedSender<Invocation>,
    server: Arc<Server>,
}

struct Server {
    /// The id of the instance's process.
    instance: OnceLock<u32>,
    /// Held during an invocation.
    turn: AsyncMutex<()>,
    queue: AsyncMutex<UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Returned>>>,
    next_id: AtomicU64,
}

impl RuntimeApi {
    /// Serves until the test's runtime ends.
    pub(crate) async fn start() -> Self {
        let (queue, invocations) = unbounded_channel();
        let server = Arc::new(Server {
            instance: OnceLock::new(),
            turn: AsyncMutex::default(),
            queue: invocations.into(),
            running: Mutex::default(),
            next_id: AtomicU64::new(1),
        });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(ok))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            queue,
            server,
        }
    }

    /// Sets the process that is frozen between two invocations.
    pub(crate) fn set_instance(&self, id: u32) {
        self.server.instance.set(id).unwrap();
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Invokes the function, and waits for what it returns.
    pub(crate) async fn invoke(self, event: Value) -> Returned {
        let _turn = self.server.turn.lock().await;
        self.server.signal("-CONT").await;
        let (returned, result) = oneshot::channel();
        assert!(self.queue.send(Invocation { event, returned }).is_ok());
        // An instance that has ended would be waited for without an end.
        timeout(Duration::from_secs(60), result)
            .await
            .unwrap()
            .unwrap()
    }
}

/// Waits for the next invocation.
async fn next(State(server): State<Arc<Server>>) -> Response<String> {
    let invocation = server.queue.lock().await.recv().await.unwrap();
    let id = server.next_id.fetch_add(1, Ordering::Relaxed).to_string();
    let response = Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", &id)
        // In the year 2100.
        .header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x")
        .body(invocation.event.to_string())
        .unwrap();
    let mut running = server.running.lock().unwrap();
    running.insert(id, invocation.returned);
    response
}

async fn ok(State(server): State<Arc<Server>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    if body.len() > MAX_RESPONSE {
        let error = json!({"errorType": "Function.ResponseSizeTooLarge"});
        server.end(&id, Err(error)).await;
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    server
        .end(&id, Ok(serde_json::from_slice(&body).unwrap()))
        .await
}

async fn error(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    server
        .end(&id, Err(serde_json::from_slice(&body).unwrap()))
        .await
}

impl Server {
    /// Freezes the instance, and then passes the response on.
    async fn end(&self, id: &str, returned: Returned) -> StatusCode {
        self.signal("-STOP").await;
        let waiting = self.running.lock().unwrap().remove(id);
        // The gateway may have stopped waiting.
        drop(waiting.unwrap().send(returned));
        StatusCode::ACCEPTED
    }

    /// Only Unix can freeze a process.
    async fn signal(&self, name: &str) {
        let instance = self.instance.get().filter(|_| cfg!(unix));
        if let Some(id) = instance.map(u32::to_string) {
            let kill = Command::new("kill").args([name, &id]).status().await;
            assert!(kill.unwrap().success());
        }
    }
}
