//! The runtime API of Lambda on loopback, from which an instance of a function takes its invocations. Like Lambda, it
//! runs one at a time, freezes the instance between two, and takes no response after the function's time limit.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
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

struct Running {
    returned: oneshot::Sender<Returned>,
    deadline: SystemTime,
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
    running: Mutex<HashMap<String, Running>>,
    time_limit: OnceLock<Duration>,
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
            time_limit: OnceLock::new(),
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

    /// Sets the time limit of the function. Default: 60 seconds.
    pub(crate) fn set_time_limit(&self, limit: Duration) {
        self.server.time_limit.set(limit).unwrap();
    }

    /// The variables of an instance.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bot".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ]
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
    let limit = server.time_limit.get().copied();
    let deadline = SystemTime::now() + limit.unwrap_or(Duration::from_secs(60));
    let milliseconds = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let response = Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", &id)
        .header("Lambda-Runtime-Deadline-Ms", milliseconds.to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x")
        .body(invocation.event.to_string())
        .unwrap();
    let mut running = server.running.lock().unwrap();
    let returned = invocation.returned;
    running.insert(id, Running { returned, deadline });
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
        self.wait_until_stopped().await;
        let running = self.running.lock().unwrap().remove(id).unwrap();
        let in_time = SystemTime::now() < running.deadline;
        let late = json!({"errorType": "Sandbox.Timedout"});
        let returned = if in_time { returned } else { Err(late) };
        // The gateway may have stopped waiting.
        drop(running.returned.send(returned));
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

    /// A signal takes effect a moment after `kill` has ended. Only Linux has the state of each thread in a file.
    async fn wait_until_stopped(&self) {
        let Some(instance) = self.instance.get().filter(|_| cfg!(target_os = "linux")) else {
            return;
        };
        while !has_stopped(*instance) {
            tokio::task::yield_now().await;
        }
    }
}

fn has_stopped(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut states = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")));
    // The state follows the name, which is in parentheses. A thread that has ended meanwhile has no file.
    states.all(|state| state.is_ok_and(|state| state.contains(") T ")))
}
