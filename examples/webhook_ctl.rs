//! A bot's webhook from the command line: set it, show it, delete it, watch it.
//!
//! ```sh
//! cargo run --example webhook_ctl
//! ```
//!
//! shows each command on a Telegram on this machine. With the variables of the bot in the environment
//! (`TELEGRAM_BOT_TOKEN`; for `set` also `WEBHOOK_URL`, and `WEBHOOK_SECRET` if the bot has it) these are
//! its commands, which end with 0, or with 2 and a line that says why:
//!
//! ```text
//! webhook_ctl set [--allowed TYPE,TYPE] [--max-connections N] [--drop-pending]
//! webhook_ctl info
//! webhook_ctl delete [--drop-pending]
//! webhook_ctl watch
//! ```
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! tokio = { version = "1.47", features = ["macros", "process", "rt", "signal"] }
//! tower-telegram = "0.1"
//! tower-telegram-test = "0.1"
//! ```

use std::{
    env,
    error::Error,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::process::Command;
use tower_telegram::{
    Client,
    methods::{DeleteWebhook, GetWebhookInfo, SetWebhook},
    types::{AllowedUpdates, InputFile, UpdateType, WebhookInfo},
    webhook::registration::{WebhookEnv, WebhookHealth},
};
use tower_telegram_test::Telegram;

type BoxError = Box<dyn Error + Send + Sync>;

const USAGE: &str = "usage: webhook_ctl set [--allowed TYPE,TYPE] [--max-connections N] [--drop-pending] | info | \
                     delete [--drop-pending] | watch";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    let line = error.to_string().replace(char::is_control, " ");
    eprintln!("webhook_ctl: {line}");
    ExitCode::from(2)
}

async fn run() -> Result<(), BoxError> {
    let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let arguments: Vec<_> = arguments.skip(1).collect();
    if arguments.is_empty() && env::var_os("TELEGRAM_BOT_TOKEN").is_none() {
        return demonstrate().await;
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["set", options @ ..] => {
            let wanted = with_options(WebhookEnv::from_env()?.set_webhook(), options)?;
            // Even if it seems right: Telegram doesn't show which secret it has.
            let set = Client::from_env()?.ensure_webhook(&wanted).force().await?;
            show(&set.info);
        }
        ["info"] => show(&Client::from_env()?.send(GetWebhookInfo::new()).await?),
        ["delete", options @ ..] if matches!(options, [] | ["--drop-pending"]) => {
            let delete = DeleteWebhook::new().drop_pending_updates(!options.is_empty());
            Client::from_env()?.send(delete).await?;
            println!("deleted");
        }
        ["watch"] => watch(Client::from_env()?).await?,
        // The arguments aren't repeated, because one may be a secret in the wrong place.
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn with_options(mut wanted: SetWebhook, mut options: &[&str]) -> Result<SetWebhook, BoxError> {
    loop {
        (wanted, options) = match options {
            [] => return Ok(wanted),
            ["--allowed", names, rest @ ..] => (wanted.allowed_updates(allowed(names)?), rest),
            ["--max-connections", number, rest @ ..] => {
                let number = number.parse();
                let number = number.map_err(|_| "--max-connections needs a number")?;
                (wanted.max_connections(number), rest)
            }
            ["--drop-pending", rest @ ..] => (wanted.drop_pending_updates(true), rest),
            _ => return Err(USAGE.into()),
        };
    }
}

/// Telegram ignores a name that it doesn't know. Here it is an error.
fn allowed(names: &str) -> Result<AllowedUpdates, BoxError> {
    let types = names.split(',').map(str::parse::<UpdateType>);
    let types: Result<AllowedUpdates, _> = types.collect();
    types.map_err(|error| format!("--allowed {names}: {error}").into())
}

/// Prints when the webhook changes or stops working, until Ctrl-C.
async fn watch(client: Client) -> Result<(), BoxError> {
    let info = client.send(GetWebhookInfo::new()).await?;
    if info.url.is_empty() {
        return Err("no webhook is set".into());
    }
    let mut wanted = SetWebhook::new(info.url);
    wanted.max_connections = info.max_connections;
    wanted.allowed_updates = Some(info.allowed_updates.unwrap_or(AllowedUpdates::DEFAULT));
    // Only whether there is one is compared.
    wanted.certificate = info.has_custom_certificate.then(|| InputFile::id(""));

    let health = WebhookHealth::new(client, &wanted);
    let mut handle = health.handle();
    let reports = async {
        while let Some(report) = handle.changed().await {
            match (&report.failure, &report.health) {
                (Some(failure), _) => println!("{failure}"),
                (None, Some(health)) => println!("{health}"),
                (None, None) => {}
            }
        }
    };
    tokio::select! {
        () = health.run() => Ok(()),
        () = reports => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

fn show(info: &WebhookInfo) {
    println!("url: {}", info.url);
    println!("pending updates: {}", info.pending_update_count);
    println!("custom certificate: {}", info.has_custom_certificate);
    if let Some(allowed) = info.allowed_updates {
        let names: Vec<_> = allowed.iter().map(|kind| kind.to_string()).collect();
        println!("allowed updates: {}", names.join(","));
    }
    if let Some(connections) = info.max_connections {
        println!("connections: {connections}");
    }
    if let (Some(date), Some(message)) = (info.last_error_date, &info.last_error_message) {
        let date = UNIX_EPOCH + Duration::from_secs(date.try_into().unwrap_or_default());
        let ago = SystemTime::now().duration_since(date).unwrap_or_default();
        println!("last error: {} s ago: {message}", ago.as_secs());
    }
}

/// Runs this program with some commands, against a Telegram that ends with this function.
async fn demonstrate() -> Result<(), BoxError> {
    let telegram = Telegram::start().await?;
    println!("No TELEGRAM_BOT_TOKEN: this is an embedded Telegram.");
    for line in ["set --allowed message,poll", "info", "delete", "info"] {
        println!("\n$ webhook_ctl {line}");
        let mut command = Command::new(env::current_exe()?);
        command
            .args(line.split(' '))
            .env("TELEGRAM_BOT_TOKEN", telegram.token())
            .env("TELEGRAM_API_URL", telegram.api_url())
            .env("WEBHOOK_URL", "https://bot.example/telegram");
        if !command.status().await?.success() {
            return Err(format!("{line} failed").into());
        }
    }
    Ok(())
}
