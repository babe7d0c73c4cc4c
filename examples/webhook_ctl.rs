//! A bot's webhook from the command line: set, look at, delete and watch it.
//!
//! `cargo run --example webhook_ctl` shows it on an embedded Telegram, and so runs any command without
//! a token. With `TELEGRAM_BOT_TOKEN` (and `TELEGRAM_API_URL` for a server of your own) in the
//! environment:
//!
//! ```text
//! webhook_ctl set URL [--secret S] [--max-connections N] [--allowed A,B|all|default] [--ip IP]
//!                     [--certificate FILE] [--drop-pending] [--local]
//! webhook_ctl info [--json]
//! webhook_ctl delete [--drop-pending]
//! webhook_ctl watch
//! ```
//!
//! `--local` is for a server in local mode, which takes more than Telegram's own. It ends with 0, or
//! with 2 and a line that says why.

use std::{
    env,
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    iter,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tower_telegram::{
    BotToken, Client,
    client::TELEGRAM_API,
    methods::{DeleteWebhook, GetWebhookInfo, SetWebhook},
    types::{AllowedUpdates, InputFile, WebhookInfo},
    webhook::SecretToken,
    webhook::registration::WebhookHealth,
};
use tower_telegram_test::Telegram;

type Failure = Box<dyn Error>;

const USAGE: &str = "usage: webhook_ctl set URL [--secret S] [--max-connections N] [--allowed A,B] \
    [--ip IP] [--certificate FILE] [--drop-pending] [--local] | info [--json] | \
    delete [--drop-pending] | watch";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = format!("webhook_ctl: {}\n", in_one_line(&*failure));
            // An error here has nowhere to go.
            drop(io::stderr().write_all(line.as_bytes()));
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Failure> {
    let args = env::args_os().skip(1).map(OsString::into_string);
    let args: Result<Vec<String>, _> = args.collect();
    let args = args.map_err(|_| "an argument isn't text")?;
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let token = variable("TELEGRAM_BOT_TOKEN");
    if args.is_empty() && token.is_none() {
        return demonstrate().await;
    }
    let command = Command::parse(args)?;
    let api_url = variable("TELEGRAM_API_URL");
    if token.is_none() && api_url.is_none() {
        return try_out(command).await;
    }
    let token: BotToken = token.ok_or("TELEGRAM_BOT_TOKEN must be set")?.parse()?;
    let api_url = api_url.as_deref().unwrap_or(TELEGRAM_API);
    command
        .carry_out(&Client::with_base_url(&token, api_url)?)
        .await
}

/// Carries it out on an embedded Telegram, where it changes nothing that lasts, and says so where it
/// doesn't mix with what the command writes.
async fn try_out(command: Command) -> Result<(), Failure> {
    let telegram = Telegram::start().await?;
    let token = telegram.token().parse()?;
    let client = Client::with_base_url(&token, telegram.api_url())?;
    command.carry_out(&client).await?;
    let note = "webhook_ctl: no TELEGRAM_BOT_TOKEN, so this was an embedded Telegram";
    Ok(writeln!(io::stderr(), "{note}")?)
}

enum Command {
    Set(SetWebhook),
    Info { as_json: bool },
    Delete { drop_pending: bool },
    Watch,
}

impl Command {
    fn parse(args: Vec<String>) -> Result<Self, Failure> {
        let mut args = Args(args.into_iter());
        let command = args.0.next().ok_or(USAGE)?;
        match command.as_str() {
            "set" => args.set(),
            "info" => Ok(Self::Info {
                as_json: args.flag("--json")?,
            }),
            "delete" => Ok(Self::Delete {
                drop_pending: args.flag("--drop-pending")?,
            }),
            "watch" => args.nothing_more().map(|()| Self::Watch),
            _ => Err(USAGE.into()),
        }
    }

    async fn carry_out(self, client: &Client) -> Result<(), Failure> {
        match self {
            Self::Set(settings) => set(client, &settings).await,
            Self::Info { as_json } => {
                let info = client.send(GetWebhookInfo::new()).await?;
                say(&if as_json { json(&info)? } else { plain(&info) })
            }
            Self::Delete { drop_pending } => {
                let delete = DeleteWebhook::new().drop_pending_updates(drop_pending);
                client.send(delete).await?;
                say("deleted")
            }
            Self::Watch => watch(client).await,
        }
    }
}

struct Args(std::vec::IntoIter<String>);

impl Args {
    fn set(&mut self) -> Result<Command, Failure> {
        let (mut settings, mut has_url) = (SetWebhook::new(""), false);
        while let Some(arg) = self.0.next() {
            settings = match arg.as_str() {
                "--secret" => settings.secret_token(SecretToken::new(&self.value(&arg)?)?),
                "--max-connections" => {
                    let number = self.value(&arg)?.parse();
                    settings.max_connections(number.map_err(|_| format!("{arg} needs a number"))?)
                }
                "--allowed" => settings.allowed_updates(allowed(&self.value(&arg)?)?),
                "--ip" => settings.ip_address(self.value(&arg)?),
                "--certificate" => settings.certificate(certificate(&self.value(&arg)?)?),
                "--drop-pending" => settings.drop_pending_updates(true),
                "--local" => settings.for_local_server(),
                url if !has_url && !url.starts_with('-') => {
                    has_url = true;
                    settings.url = url.into();
                    settings
                }
                _ => return Err(unexpected(&arg)),
            };
        }
        if !has_url {
            return Err(USAGE.into());
        }
        Ok(Command::Set(settings))
    }

    fn value(&mut self, name: &str) -> Result<String, Failure> {
        let value = self.0.next();
        Ok(value.ok_or_else(|| format!("{name} needs a value"))?)
    }

    /// The only argument that may follow.
    fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        let is_given = self.0.as_slice().first().is_some_and(|arg| arg == name);
        if is_given {
            self.0.next();
        }
        self.nothing_more().map(|()| is_given)
    }

    fn nothing_more(&mut self) -> Result<(), Failure> {
        self.0.next().map_or(Ok(()), |arg| Err(unexpected(&arg)))
    }
}

/// Only options are shown: anything else may be a secret in the wrong place.
fn unexpected(arg: &str) -> Failure {
    if arg.starts_with("--") && !arg.contains('=') {
        format!("unexpected {arg}; {USAGE}").into()
    } else {
        USAGE.into()
    }
}

/// Telegram ignores a name that it doesn't know; that mustn't go unnoticed.
fn allowed(names: &str) -> Result<AllowedUpdates, Failure> {
    match names {
        "all" => return Ok(AllowedUpdates::ALL),
        "default" => return Ok(AllowedUpdates::DEFAULT),
        _ => {}
    }
    let types = names.split(',').map(|name| {
        let unknown = |error| format!("--allowed {name}: {error}");
        Ok(name.trim().parse().map_err(unknown)?)
    });
    types.collect()
}

fn certificate(path: &str) -> Result<InputFile, Failure> {
    let content = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(InputFile::bytes("certificate.pem", content))
}

/// Sets it even if it seems right: the secret can't be read.
async fn set(client: &Client, settings: &SetWebhook) -> Result<(), Failure> {
    let set = client.ensure_webhook(settings).always().await?;
    say(&plain(&set.info))
}

/// Says when the webhook is no longer as it was at first, or doesn't work.
async fn watch(client: &Client) -> Result<(), Failure> {
    let info = client.send(GetWebhookInfo::new()).await?;
    if info.url.is_empty() {
        return Err("no webhook is set".into());
    }
    let mut wanted = SetWebhook::new(info.url);
    wanted.max_connections = info.max_connections;
    wanted.allowed_updates = Some(info.allowed_updates.unwrap_or(AllowedUpdates::DEFAULT));
    // Only whether there is one is compared.
    wanted.certificate = info.has_custom_certificate.then(|| InputFile::id(""));

    let health = WebhookHealth::new(client.clone(), &wanted);
    let mut handle = health.handle();
    let told = async {
        while let Some(report) = handle.changed().await {
            if let Some(failure) = &report.failure {
                say(&in_one_line(&**failure))?;
            } else if let Some(health) = &report.health {
                say(&health.to_string())?;
            }
        }
        Ok(())
    };
    tokio::select! {
        () = health.run() => Ok(()),
        told = told => told,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

fn plain(info: &WebhookInfo) -> String {
    let mut lines = vec![
        format!("url: {}", info.url),
        format!("pending updates: {}", info.pending_update_count),
        format!("custom certificate: {}", info.has_custom_certificate),
    ];
    if let Some(address) = &info.ip_address {
        lines.push(format!("address: {address}"));
    }
    if let Some(connections) = info.max_connections {
        lines.push(format!("connections: {connections}"));
    }
    let allowed = info.allowed_updates.unwrap_or(AllowedUpdates::DEFAULT);
    let names: Vec<_> = allowed.iter().map(|kind| kind.to_string()).collect();
    let names = if names.is_empty() {
        "default".into()
    } else {
        names.join(",")
    };
    lines.push(format!("allowed updates: {names}"));
    if let (Some(date), Some(message)) = (info.last_error_date, &info.last_error_message) {
        let ago = now().saturating_sub(date);
        lines.push(format!("last error: {ago} s ago: {message}"));
    }
    lines.join("\n")
}

fn json(info: &WebhookInfo) -> Result<String, Failure> {
    let mut all = json!({
        "url": info.url,
        "has_custom_certificate": info.has_custom_certificate,
        "pending_update_count": info.pending_update_count,
        "ip_address": info.ip_address,
        "last_error_date": info.last_error_date,
        "last_error_message": info.last_error_message,
        "last_synchronization_error_date": info.last_synchronization_error_date,
        "max_connections": info.max_connections,
        "allowed_updates": info.allowed_updates,
    });
    if let Some(fields) = all.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    Ok(serde_json::to_string_pretty(&all)?)
}

/// Shows the commands, on a Telegram that ends with this function.
async fn demonstrate() -> Result<(), Failure> {
    let telegram = Telegram::start().await?;
    let token = telegram.token().parse()?;
    let client = Client::with_base_url(&token, telegram.api_url())?;
    say("No TELEGRAM_BOT_TOKEN: this is an embedded Telegram.")?;
    for line in [
        "set https://bot.example/telegram --secret a-long_Secret --allowed message,callback_query",
        "info --json",
        "delete --drop-pending",
        "info",
    ] {
        say(&format!("\n$ webhook_ctl {line}"))?;
        let args = line.split(' ').map(str::to_owned).collect();
        Command::parse(args)?.carry_out(&client).await?;
    }
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// The error and its causes, each once.
fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |error| (**error).source());
    let line: Vec<_> = chain.map(ToString::to_string).collect();
    line.join(": ").replace(|c: char| c.is_control(), " ")
}
