//! The commands of a bot: names, descriptions, and what `setMyCommands` gets.

use std::sync::Arc;

use http::Request;
use tower::service_fn;

use super::endpoint::Route;
use crate::{
    Client,
    client::Error,
    methods::{GetMyCommands, SetMyCommands},
    types::{BotCommand, BotCommandScope, Update},
};

/// A command with what the bot's menu shows of it. From [`command`].
#[derive(Clone, Debug)]
#[must_use = "a command belongs to a route"]
pub struct CommandRoute {
    name: Box<str>,
    usage: Option<Box<str>>,
    /// By language; the default has none.
    descriptions: Vec<(Option<Box<str>>, Box<str>)>,
    scopes: Vec<BotCommandScope>,
}

/// A command for [`Router::command`](super::Router::command), by its name without the `/`.
///
/// ```
/// use tower_telegram::router::{Command, Router, command};
///
/// async fn roll(Command(sides): Command<u32>) {
///     println!("{sides}");
/// }
///
/// let roll_command = command("roll")
///     .usage("<sides>")
///     .description("Roll a die")
///     .description_in("de", "Würfeln");
/// let router: Router = Router::new().command(roll_command, roll);
/// ```
pub fn command(name: &str) -> CommandRoute {
    CommandRoute {
        name: name.into(),
        usage: None,
        descriptions: Vec::new(),
        scopes: Vec::new(),
    }
}

impl From<&str> for CommandRoute {
    fn from(name: &str) -> Self {
        command(name)
    }
}

impl CommandRoute {
    /// What the bot's menu shows in any language that has no description of its own: 1–256 characters.
    /// Without one the command isn't in the menu.
    pub fn description(self, description: &str) -> Self {
        self.described(None, description)
    }

    /// What the menu shows to users of a language, a two-letter ISO 639-1 code.
    pub fn description_in(self, language: &str, description: &str) -> Self {
        self.described(Some(language.into()), description)
    }

    fn described(mut self, language: Option<Box<str>>, description: &str) -> Self {
        self.descriptions.retain(|(of, _)| *of != language);
        self.descriptions.push((language, description.into()));
        self
    }

    /// The arguments, as a user is told where they can't be read: `"<sides>"`.
    pub fn usage(mut self, arguments: &str) -> Self {
        self.usage = Some(arguments.into());
        self
    }

    /// Whose menu has it; more than one may be given. Default: everybody's.
    pub fn scope(mut self, scope: impl Into<BotCommandScope>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As [`BotCommand`](https://core.telegram.org/bots/api#botcommand) has it.
    pub(super) fn assert_is_valid(&self) {
        let is_valid =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            (1..=32).contains(&self.name.len()) && self.name.bytes().all(is_valid),
            "a command has 1 to 32 characters of a-z, 0-9 and _: {:?}",
            self.name
        );
    }

    /// Tells the arguments of the handler which command they belong to.
    pub(super) fn announced_to(self: &Arc<Self>, route: Route) -> Route {
        if self.usage.is_none() {
            return route;
        }
        let usage = Usage(Arc::clone(self));
        Route::of_service(service_fn(move |mut request: Request<Update>| {
            request.extensions_mut().insert(usage.clone());
            route.oneshot(request)
        }))
    }
}

/// In the extensions of a request, for a command whose arguments can't be read.
#[derive(Clone, Debug)]
pub(super) struct Usage(Arc<CommandRoute>);

impl Usage {
    pub(super) fn text(&self) -> String {
        let usage = self.0.usage.as_deref().unwrap_or_default();
        format!("/{} {usage}", self.0.name)
    }
}

/// Commands by scope and language, as `setMyCommands` takes them. From
/// [`Router::commands`](super::Router::commands).
#[derive(Clone, Debug, Default)]
pub struct CommandList {
    lists: Vec<ScopedCommands>,
}

/// The commands of one menu.
#[derive(Clone, Debug)]
struct ScopedCommands {
    scope: Option<BotCommandScope>,
    language: Option<Box<str>>,
    commands: Vec<BotCommand>,
}

impl CommandList {
    /// Each menu: its scope (`None` is everybody's), its language (`None` is any other), its commands.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (Option<&BotCommandScope>, Option<&str>, &[BotCommand])> {
        self.lists.iter().map(|list| {
            let (scope, language) = (list.scope.as_ref(), list.language.as_deref());
            (scope, language, &list.commands[..])
        })
    }

    /// Has the bot's menus show these commands: reads each menu, and sets it only where it differs. Returns
    /// how many were set. A menu that isn't in the list stays as it is.
    ///
    /// ```no_run
    /// # use tower_telegram::{BotToken, Client, router::Router};
    /// # async fn ensure(client: Client, router: Router) -> Result<(), tower_telegram::client::Error> {
    /// router.commands().ensure(&client).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a call to [`getMyCommands`](https://core.telegram.org/bots/api#getmycommands) or
    /// [`setMyCommands`](https://core.telegram.org/bots/api#setmycommands).
    pub async fn ensure(&self, client: &Client) -> Result<usize, Error> {
        let mut set = 0;
        for list in &self.lists {
            let mut read = GetMyCommands::new();
            let mut write = SetMyCommands::new(list.commands.clone());
            if let Some(scope) = &list.scope {
                read = read.scope(scope.clone());
                write = write.scope(scope.clone());
            }
            if let Some(language) = list.language.as_deref() {
                read = read.language_code(language);
                write = write.language_code(language);
            }
            if client.send(read).await? != list.commands {
                client.send(write).await?;
                set += 1;
            }
        }
        Ok(set)
    }

    pub(super) fn add(&mut self, command: &CommandRoute) {
        let everybody = [None];
        let scopes: Vec<_> = match &command.scopes[..] {
            [] => everybody.to_vec(),
            scopes => scopes.iter().cloned().map(Some).collect(),
        };
        for scope in scopes {
            for (language, description) in &command.descriptions {
                let entry = BotCommand::new(&*command.name, &**description);
                self.list(scope.clone(), language.clone()).push(entry);
            }
        }
    }

    fn list(
        &mut self,
        scope: Option<BotCommandScope>,
        language: Option<Box<str>>,
    ) -> &mut Vec<BotCommand> {
        let is_that = |list: &ScopedCommands| list.scope == scope && list.language == language;
        let at = self.lists.iter().position(is_that).unwrap_or_else(|| {
            self.lists.push(ScopedCommands {
                scope,
                language,
                commands: Vec::new(),
            });
            self.lists.len() - 1
        });
        &mut self.lists[at].commands
    }
}
