//! Checks the files in `deploy` with the programs that read them: nginx, systemd and a linter of Dockerfiles.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod program;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use program::{free_address, wait_until_it_listens};
use tokio::process::{Child, Command};
use tower_telegram_test::{RawRequest, Telegram, update};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

/// The output of a program, or `None` where it isn't installed. CI must have it.
async fn output(command: &mut Command) -> Option<Output> {
    match command.stdin(Stdio::null()).output().await {
        Ok(output) => Some(output),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = command.as_std().get_program().display().to_string();
            assert!(env::var_os("CI").is_none(), "{name} isn't installed");
            eprintln!("not tested, because {name} isn't installed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Fails unless the program succeeded and printed nothing that isn't in `expected`.
fn assert_silent(output: &Output, expected: &[&str]) {
    let text = [&*output.stdout, &*output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{text}");
    for line in text.lines() {
        assert!(expected.iter().any(|part| line.contains(part)), "{text}");
    }
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tower-telegram-{name}-{}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// nginx with a server that has the location and nothing else, in front of a bot at `bot`.
fn nginx(folder: &Folder, listen: SocketAddr, bot: SocketAddr) -> Command {
    let location = fs::read_to_string(deploy("nginx.conf")).unwrap();
    assert!(location.contains("http://127.0.0.1:8080;"), "{location}");
    let location = location.replace("127.0.0.1:8080", &bot.to_string());
    fs::write(folder.path("location.conf"), location).unwrap();
    let config = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\n  access_log off;\n  client_body_temp_path body;\n  proxy_temp_path proxy;\n  \
         fastcgi_temp_path fastcgi;\n  scgi_temp_path scgi;\n  uwsgi_temp_path uwsgi;\n  \
         server {{\n    listen {listen};\n    include location.conf;\n  }}\n}}\n"
    );
    fs::write(folder.path("nginx.conf"), config).unwrap();
    let mut nginx = Command::new("nginx");
    nginx
        .arg("-p")
        .arg(&folder.0)
        .args(["-e", "stderr", "-c", "nginx.conf"])
        .kill_on_drop(true);
    nginx
}

/// The example `axum` behind nginx. Cargo builds the examples beside the tests' own folder.
fn bot(telegram: &Telegram, public: SocketAddr, listen: SocketAddr) -> Child {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    Command::new(path.join("examples/axum"))
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{public}/telegram"))
        .env("LISTEN", listen.to_string())
        .env_remove("WEBHOOK_SECRET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn nginx_takes_the_location_and_passes_updates_to_a_bot() {
    let folder = Folder::new("nginx");
    let (public, listen) = (free_address(), free_address());
    let mut check = nginx(&folder, public, listen);
    let Some(checked) = output(check.arg("-t")).await else {
        return;
    };
    assert_silent(&checked, &["syntax is ok", "test is successful"]);

    let mut nginx = nginx(&folder, public, listen);
    let _nginx = nginx.stderr(Stdio::null()).spawn().unwrap();
    wait_until_it_listens(public).await;
    let telegram = Telegram::start().await.unwrap();
    let _bot = bot(&telegram, public, listen);
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");

    let mut update = update::text(7, "hello");
    // A long one goes through a file of nginx.
    update["message"]["padding"] = "x".repeat(400 << 10).into();
    let exchange = telegram.deliver(update).await;
    assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.text("text").as_deref(), Some("hello"));

    // The location is for the webhook alone.
    let elsewhere = RawRequest::new().target("/livez").body("{}");
    let attempt = telegram.post_raw(elsewhere).await.unwrap();
    assert_eq!(attempt.status, Some(404), "{attempt:?}");
    let too_long = RawRequest::new().body("x".repeat((1 << 20) + 1));
    let attempt = telegram.post_raw(too_long).await.unwrap();
    assert_eq!(attempt.status, Some(413), "{attempt:?}");
}

#[tokio::test]
async fn systemd_takes_the_unit_and_finds_little_exposed() {
    let unit = fs::read_to_string(deploy("bot.service")).unwrap();
    let program = "ExecStart=/usr/local/bin/my-bot\n";
    assert!(unit.contains(program), "{unit}");
    // Any program will do.
    let this = format!("ExecStart={}\n", env::current_exe().unwrap().display());
    let folder = Folder::new("systemd");
    let file = folder.path("bot.service");
    fs::write(&file, unit.replace(program, &this)).unwrap();

    let mut verify = Command::new("systemd-analyze");
    let Some(verified) = output(verify.args(["verify", "--man=no"]).arg(&file)).await else {
        return;
    };
    assert_silent(&verified, &[]);

    // From 0 to 100. A unit without such settings has 96.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold=20"]);
    let judged = output(security.arg(&file)).await.unwrap();
    assert!(judged.status.success(), "{judged:?}");
}

#[tokio::test]
async fn hadolint_takes_the_dockerfile_and_its_example_exists() {
    let dockerfile = fs::read_to_string(deploy("Dockerfile")).unwrap();
    let (_, example) = dockerfile.split_once("--example ").unwrap();
    let (example, _) = example.split_once('"').unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{example}.rs"));
    assert!(file.exists(), "{example}");
    let copied = format!("ARG PROGRAM=examples/{example}\n");
    assert!(dockerfile.contains(&copied), "{dockerfile}");
    let package = concat!("--package ", env!("CARGO_PKG_NAME"), " ");
    assert!(dockerfile.contains(package), "{dockerfile}");

    let mut hadolint = Command::new("hadolint");
    if let Some(linted) = output(hadolint.arg(deploy("Dockerfile"))).await {
        assert_silent(&linted, &[]);
    }
}
