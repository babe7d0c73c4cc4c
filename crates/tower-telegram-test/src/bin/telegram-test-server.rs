//! A Bot API server on this machine for a bot in any language, with you as its user.
//!
//! It prints its address and a token. Configure the bot with the address (`api_url`, `base_url`, `apiRoot`
//! …) and type: each line is a message to the bot, and each call of the bot is printed. The bot can poll,
//! or set a webhook on this machine. Messages wait until it does.
//!
//! ```text
//! telegram-test-server [--listen ADDRESS] [--token TOKEN] [--chat ID] [--timeout SECONDS]
//!          [--say TEXT]… [--script FILE] [-- COMMAND ARGUMENT…]
//! ```
//!
//! With `--say` or `--script` it sends the texts, waits for an answer to each, and exits with 0; if an
//! answer is missing, with 1 and a line about it. So `--say hello -- python3 bot.py` is a test of a bot.
//! The command is started with `TELEGRAM_API_URL` and `TELEGRAM_BOT_TOKEN` in its environment, and is ended
//! at the end. In a script, `> text` sends a text, `< text` waits for a message with this text in it (`<`
//! alone: any message), and `#` begins a comment. `!press DATA` presses a button, `!photo CAPTION` and
//! `!inline QUERY` send those.
//!
//! Options that are missing are read from `LISTEN` (default: `127.0.0.1:8081`; any free port with a
//! command), `TELEGRAM_BOT_TOKEN` and `TELEGRAM_CHAT` (the user's ID; default: 42).

use std::{
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    process::{ExitCode, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};
use tower_telegram_test::{Call, Telegram, Via, update};

type ProgramError = Box<dyn std::error::Error>;

const USAGE: &str = "usage: telegram-test-server [--listen ADDRESS] [--token TOKEN] [--chat ID] \
    [--timeout SECONDS] [--say TEXT] [--script FILE] [-- COMMAND ARGUMENT]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = format!("telegram-test-server: {failure}\n");
            // An error here has nowhere to go.
            drop(io::stderr().write_all(line.as_bytes()));
            ExitCode::FAILURE
        }
    }
}

/// Starts the server and the bot, and plays the script or the typed conversation.
async fn run() -> Result<(), ProgramError> {
    let options = Options::read(env::args().skip(1).collect())?;
    let mut builder = Telegram::builder()
        .listen(options.listen)
        .wait_timeout(options.timeout);
    if let Some(token) = &options.token {
        builder = builder.token(token);
    }
    let telegram = builder.start().await?;
    say(&format!("TELEGRAM_API_URL={}", telegram.api_url()));
    match &options.token {
        // It may be a real one.
        Some(_) => say("TELEGRAM_BOT_TOKEN is the one you gave"),
        None => say(&format!("TELEGRAM_BOT_TOKEN={}", telegram.token())),
    }

    let mut bot = options.start_bot(&telegram)?;
    let ended = async {
        match &mut bot {
            Some(bot) => bot.wait().await,
            None => std::future::pending().await,
        }
    };
    let played = async {
        if options.steps.is_empty() {
            converse(&telegram, options.chat).await
        } else {
            play(&telegram, &options).await
        }
    };
    tokio::select! {
        played = played => played,
        status = ended => Err(format!("the bot has ended: {}", status?).into()),
    }
}

/// One step of a script: a text that the user sends or waits for.
enum Step {
    Send(String),
    /// Wait for a message with this text in it.
    Receive(String),
}

/// The options of the command line and the environment.
struct Options {
    listen: SocketAddr,
    token: Option<String>,
    chat: i64,
    timeout: Duration,
    steps: Vec<Step>,
    command: Vec<String>,
}

impl Options {
    /// Parses the arguments; a missing one is read from the environment.
    fn read(mut args: Vec<String>) -> Result<Self, ProgramError> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let command = args.iter().position(|arg| arg == "--");
        let command = command.map_or_else(Vec::new, |at| args.split_off(at));
        let (mut listen, mut token) = (variable("LISTEN"), variable("TELEGRAM_BOT_TOKEN"));
        let mut chat = variable("TELEGRAM_CHAT");
        let (mut seconds, mut steps) = (30, Vec::new());
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let value = args.next().ok_or(USAGE)?;
            match arg.as_str() {
                "--listen" => listen = Some(value),
                "--token" => token = Some(value),
                "--chat" => chat = Some(value),
                "--timeout" => seconds = value.parse()?,
                "--say" => steps.extend([Step::Send(value), Step::Receive(String::new())]),
                "--script" => steps.extend(script(&fs::read_to_string(value)?)?),
                _ => return Err(USAGE.into()),
            }
        }
        let free = if command.is_empty() { "8081" } else { "0" };
        Ok(Self {
            listen: listen
                .unwrap_or_else(|| format!("127.0.0.1:{free}"))
                .parse()?,
            token,
            chat: chat.as_deref().unwrap_or("42").parse()?,
            timeout: Duration::from_secs(seconds),
            steps,
            command: command.into_iter().skip(1).collect(),
        })
    }

    /// Starts the bot's command, if there is one.
    fn start_bot(&self, telegram: &Telegram) -> io::Result<Option<Child>> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(None);
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .env("TELEGRAM_API_URL", telegram.api_url())
            .env("TELEGRAM_BOT_TOKEN", telegram.token())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.spawn().map(Some)
    }
}

/// Parses a script: `>` sends, `<` waits, `#` begins a comment.
fn script(text: &str) -> Result<Vec<Step>, ProgramError> {
    let mut steps = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (sign, rest) = line.split_at_checked(1).unwrap_or(("#", ""));
        let rest = rest.trim().to_owned();
        match sign {
            ">" => steps.push(Step::Send(rest)),
            "<" => steps.push(Step::Receive(rest)),
            "#" => {}
            _ => return Err(format!("line {} of the script is neither > nor <", at + 1).into()),
        }
    }
    Ok(steps)
}

/// Executes the steps, and waits until the bot has accepted the last update.
async fn play(telegram: &Telegram, options: &Options) -> Result<(), ProgramError> {
    let mut last = None;
    for step in &options.steps {
        match step {
            Step::Send(text) => last = Some(send(telegram, options.chat, text)?),
            Step::Receive(text) => {
                let answer = answer(telegram, options.chat, text);
                let answered = timeout(options.timeout, answer).await;
                answered.map_err(|_| missing(telegram, text))?;
            }
        }
    }
    if let Some(update_id) = last {
        let taken = telegram.wait_until_confirmed(update_id).await;
        taken.map_err(|error| format!("{error}{}", why(telegram)))?;
    }
    Ok(())
}

/// The error for a text that the bot didn't send.
fn missing(telegram: &Telegram, text: &str) -> String {
    let what = match text {
        "" => "no answer came".to_owned(),
        text => format!("no answer with “{text}” came"),
    };
    what + &why(telegram)
}

/// The last failure of the webhook, as an addition to an error.
fn why(telegram: &Telegram) -> String {
    let error = telegram.last_webhook_error();
    error.map_or_else(String::new, |error| format!("; the webhook: {error}"))
}

/// Sends lines as they are typed, and prints what the bot calls, until Ctrl-C.
async fn converse(telegram: &Telegram, chat: i64) -> Result<(), ProgramError> {
    let mut lines = typed_lines();
    let mut stop = Box::pin(stop_signal()?);
    let (mut is_open, mut webhook_error) = (true, None);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            line = lines.recv(), if is_open => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => { send(telegram, chat, &line)?; }
                None => is_open = false,
            },
            // A time without calls is no error here.
            call = telegram.next_call() => if let Ok(call) = call { show(&call) },
        }
        let error = telegram.last_webhook_error();
        if error != webhook_error {
            say(&format!(
                "! {}",
                error.as_deref().unwrap_or("a new webhook")
            ));
            webhook_error = error;
        }
    }
}

/// On a thread of its own, which doesn't hold up the end of the program.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let lines = io::stdin().lines().map_while(Result::ok);
        // The task ends with the program, or at the end of the input.
        lines
            .take_while(|line| sender.send(line.clone()).is_ok())
            .count()
    });
    receiver
}

/// Sends a line: a text, or one of the commands that begin with `!`.
fn send(telegram: &Telegram, chat: i64, text: &str) -> Result<u64, ProgramError> {
    let update = match text.split_once(' ').unwrap_or((text, "")) {
        ("!press", data) => update::callback_query(chat, data),
        ("!photo", caption) => update::photo(chat, caption),
        ("!inline", query) => update::inline_query(chat, query),
        _ if text.starts_with('/') => update::command(chat, text),
        _ => update::text(chat, text),
    };
    let update_id = telegram.enqueue(update)?;
    say(&format!("> {text}"));
    Ok(update_id)
}

/// Waits for the next thing that the bot sends to the chat and that has this text in it.
async fn answer(telegram: &Telegram, chat: i64, text: &str) {
    loop {
        // How long to wait is the caller's.
        let Ok(call) = telegram.next_call().await else {
            continue;
        };
        show(&call);
        if is_answer(&call, chat) && content(&call).contains(text) {
            return;
        }
    }
}

/// Whether a call is the bot's answer in that chat.
fn is_answer(call: &Call, chat: i64) -> bool {
    let method = call.method.to_ascii_lowercase();
    let is_sent = ["send", "edit", "copy", "forward"]
        .iter()
        .any(|verb| method.starts_with(verb));
    let is_for_chat =
        is_sent && method != "sendchataction" && call.integer("chat_id") == Some(chat);
    call.is_ok() && (is_for_chat || method.starts_with("answer"))
}

/// The text or the media of a call, to compare it with the script.
fn content(call: &Call) -> String {
    let text = call.text("text").or_else(|| call.text("caption"));
    text.unwrap_or_else(|| Value::Object(call.params.clone()).to_string())
}

/// Prints a call.
fn show(call: &Call) {
    if call.is("getUpdates") && call.response["ok"] != false {
        return;
    }
    let mut params = call.params.clone();
    params.remove("secret_token");
    let mut line = vec![format!("< {} {}", call.method, Value::Object(params))];
    for file in &call.files {
        line.push(format!("+ {} ({} bytes)", file.file_name, file.length));
    }
    if call.via == Via::WebhookReply {
        line.push("(in the webhook's response)".to_owned());
    }
    if let Some(error) = call.response["description"]
        .as_str()
        .filter(|_| !call.is_ok())
    {
        line.push(format!("→ {} {error}", call.response["error_code"]));
    }
    say(&line.join(" "));
}

/// Resolves at a signal or Ctrl-C that asks the process to stop, counted from this call.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// Prints a line.
#[allow(clippy::print_stdout)]
fn say(line: &str) {
    println!("{line}");
}
