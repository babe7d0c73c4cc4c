//! A conversation with the program that calls it, printed as a table.
//!
//! A bot usually needs an account, a public address and a certificate before it can be tried. With one line at the
//! top of `main`, the same program also runs without any of them:
//!
//! ```no_run
//! # type Failure = Box<dyn std::error::Error>;
//! # async fn run_the_bot() -> Result<(), Failure> { Ok(()) }
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Failure> {
//!     // Without any settings: try the bot against a Telegram on this machine.
//!     if tower_telegram_test::playground().await? {
//!         return Ok(());
//!     }
//!     run_the_bot().await
//! }
//! ```
//!
//! Where one of `TELEGRAM_BOT_TOKEN`, `TELEGRAM_API_URL`, `WEBHOOK_URL`, `WEBHOOK_SECRET` and `LISTEN` is set, even to
//! an empty value, [`playground`] does nothing and returns `false`. So a deployment that sets only `LISTEN`, because its
//! file of secrets is missing, ends with an error of the bot's own. Otherwise `playground`
//!
//! 1. starts a [`Telegram`] on loopback,
//! 2. starts the program a second time, with the environment of a bot in production: `TELEGRAM_BOT_TOKEN`,
//!    `TELEGRAM_API_URL`, `WEBHOOK_URL` and `LISTEN`,
//! 3. waits until the bot has set its webhook or polls for updates,
//! 4. sends it the updates of the conversation, one after the other, and prints what the bot does with each,
//! 5. sends what is typed, if the standard input is a terminal,
//! 6. stops the bot with SIGTERM, as a service manager does, and waits up to 10 seconds for its end.
//!
//! So the path that is tried is the one that runs in production: nothing in the bot knows about it.
//!
//! [`Playground`] has a conversation of one's own, and TLS.

mod conversation;
mod error;
mod program;
mod steps;
mod table;

use std::{
    env,
    io::{self, IsTerminal as _},
};

pub use self::error::PlaygroundError;
use self::{
    conversation::Conversation,
    program::{BotState, Program},
    steps::{PlaygroundStep, USER},
};
use crate::{Telegram, update};
use serde_json::Value;

/// Tries this program against a Telegram on this machine, unless the environment has settings of a bot in production:
/// see the [module](self). Returns whether it did; the program should end then.
///
/// # Errors
///
/// When the bot can't be started, neither sets a webhook nor polls within 30 seconds, or ends with a failure.
pub async fn playground() -> Result<bool, PlaygroundError> {
    Playground::default().play().await
}

/// A conversation with the program that calls it: see the [module](self).
///
/// ```no_run
/// # async fn main_of_a_bot() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_telegram_test::Playground;
///
/// let conversation = Playground::new().says("/start").presses("Yes").says("hello");
/// if conversation.play().await? {
///     return Ok(());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is played until `play` is awaited"]
pub struct Playground {
    steps: Vec<PlaygroundStep>,
    is_https: bool,
    arguments: Vec<String>,
    telegram: Option<Telegram>,
}

impl Playground {
    /// Without any steps. Without further steps, the bot is started and, if the standard input isn't a
    /// terminal, stopped as soon as it is ready.
    pub fn new() -> Self {
        Self {
            steps: Vec::new(),
            is_https: false,
            arguments: Vec::new(),
            telegram: None,
        }
    }

    /// A person writes a text, or a command if it begins with `/`, to the bot in private.
    pub fn says(self, text: &str) -> Self {
        self.sends(steps::said(text))
    }

    /// The person presses the button with this label, under the last message that has such a button.
    pub fn presses(self, label: &str) -> Self {
        self.step(PlaygroundStep::Press(label.to_owned()))
    }

    /// Telegram sends this update. [`update`] makes some; an `update_id` is added.
    pub fn sends(self, update: Value) -> Self {
        self.step(PlaygroundStep::Update {
            update,
            remark: String::new(),
        })
    }

    /// Like [`sends`](Self::sends), with a remark that the table shows beside the update.
    pub fn sends_with_remark(self, update: Value, remark: &str) -> Self {
        self.step(PlaygroundStep::Update {
            update,
            remark: remark.to_owned(),
        })
    }

    /// A stranger who doesn't know the webhook's secret sends an update to it. Left out where the bot polls.
    pub fn intrudes(self) -> Self {
        self.step(PlaygroundStep::Intrude)
    }

    /// Gives the bot a `WEBHOOK_URL` with `https`. The bot must serve TLS, and upload its certificate.
    pub fn https(mut self) -> Self {
        self.is_https = true;
        self
    }

    /// The arguments of the bot. Default: those that this program has.
    pub fn arguments<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// The Telegram to talk through, such as one that fails some calls. Default: a new one.
    pub fn telegram(mut self, telegram: Telegram) -> Self {
        self.telegram = Some(telegram);
        self
    }

    fn step(mut self, step: PlaygroundStep) -> Self {
        self.steps.push(step);
        self
    }

    /// Plays it, unless the environment has settings of a bot in production: see the [module](self). Returns whether it
    /// did.
    ///
    /// # Errors
    ///
    /// As [`playground`], and when there is no button to press.
    pub async fn play(self) -> Result<bool, PlaygroundError> {
        if is_deployed() {
            return Ok(false);
        }
        let telegram = match self.telegram {
            Some(telegram) => telegram,
            None => Telegram::start().await?,
        };
        let scheme = if self.is_https { "https" } else { "http" };
        let mut program = Program::start(&telegram, scheme, self.arguments)?;
        let state = program.wait_until_ready(&telegram).await?;
        let mut conversation = Conversation::new(telegram, state, &program);
        if state == BotState::Ended {
            conversation.show_calls();
            return Ok(true);
        }
        let played = async {
            conversation.play(&self.steps).await?;
            if io::stdin().is_terminal() {
                conversation.talk().await?;
            }
            Ok::<_, PlaygroundError>(())
        };
        program.while_it_runs(played).await?;
        program.stop().await?;
        Ok(true)
    }
}

/// Whether the environment has a setting of a bot in production. An empty one counts: Compose gives a variable that
/// isn't set an empty value. A setting that is missing beside it is for the bot to report.
fn is_deployed() -> bool {
    let settings = [
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_API_URL",
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
        "LISTEN",
    ];
    settings.iter().any(|name| env::var_os(name).is_some())
}

/// The usual conversation: a command, a button, texts, a photo, a file, an edit, an inline query, an update of a
/// type that the bot didn't ask for, one of a type that doesn't exist yet, a stranger's request, and the commands
/// `/fail` and `/panic`.
impl Default for Playground {
    fn default() -> Self {
        Self::new()
            .says("/start")
            .presses("Yes")
            .says("Привет, мир! ✨")
            .sends(update::photo(USER, "the sea"))
            .says("/file")
            .says("/call through the client")
            .sends(update::edited_text(USER, 3, "Привет, мир!"))
            .sends(update::inline_query(USER, "cats"))
            .sends_with_remark(steps::poll_answer(), "(not in allowed_updates)")
            .sends_with_remark(update::unknown(USER), "(a type yet unknown)")
            .intrudes()
            .says("/fail")
            .says("/panic")
            .says("bye")
    }
}
