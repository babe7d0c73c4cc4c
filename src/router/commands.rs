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

    fn is_in(&self, scope: Option<&BotCommandScope>) -> bool {
        self.scopes.is_empty() || scope.is_some_and(|scope| self.scopes.contains(scope))
    }

    /// Its entry in a menu, if it has a description.
    fn entry(&self, language: Option<&str>) -> Option<BotCommand> {
        let described = |wanted: Option<&str>| {
            let mut all = self.descriptions.iter();
            all.find(|(of, _)| of.as_deref() == wanted)
        };
        let (_, description) = described(language).or_else(|| described(None))?;
        Some(BotCommand::new(&*self.name, &**description))
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
///
/// Telegram shows one whole list: that of the narrowest scope, and there of the user's language. So each list
/// has all commands that its users may have: those for everybody too, and in the default language those that
/// have no description in theirs.
#[derive(Clone, Debug, Default)]
pub struct CommandList {
    commands: Vec<Arc<CommandRoute>>,
}

/// A menu that `setMyCommands` sets at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommandMenu {
    /// Whose menu it is; `None` is everybody's.
    pub scope: Option<BotCommandScope>,
    /// The language, a two-letter ISO 639-1 code; `None` is any that has no menu of its own.
    pub language: Option<Box<str>>,
    /// The commands, in the order in which their routes were added.
    pub commands: Vec<BotCommand>,
}

impl CommandList {
    /// Each menu that differs from the others.
    pub fn menus(&self) -> Vec<CommandMenu> {
        let mut scopes = vec![None];
        for scope in self.commands.iter().flat_map(|command| &command.scopes) {
            if !scopes.contains(&Some(scope.clone())) {
                scopes.push(Some(scope.clone()));
            }
        }
        let menus = scopes
            .iter()
            .flat_map(|scope| self.menus_of(scope.as_ref()));
        menus.filter(|menu| !menu.commands.is_empty()).collect()
    }

    /// A menu for each language that one of the scope's commands has.
    fn menus_of(&self, scope: Option<&BotCommandScope>) -> Vec<CommandMenu> {
        let commands: Vec<_> = self
            .commands
            .iter()
            .filter(|command| command.is_in(scope))
            .collect();
        let mut languages = vec![None];
        for (language, _) in commands.iter().flat_map(|command| &command.descriptions) {
            if !languages.contains(&language.as_deref()) {
                languages.push(language.as_deref());
            }
        }
        let menu = |language: Option<&str>| CommandMenu {
            scope: scope.cloned(),
            language: language.map(Into::into),
            commands: commands
                .iter()
                .filter_map(|command| command.entry(language))
                .collect(),
        };
        languages.into_iter().map(menu).collect()
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
        for menu in self.menus() {
            let mut read = GetMyCommands::new();
            let mut write = SetMyCommands::new(menu.commands.clone());
            if let Some(scope) = &menu.scope {
                read = read.scope(scope.clone());
                write = write.scope(scope.clone());
            }
            if let Some(language) = menu.language.as_deref() {
                read = read.language_code(language);
                write = write.language_code(language);
            }
            if client.send(read).await? != menu.commands {
                client.send(write).await?;
                set += 1;
            }
        }
        Ok(set)
    }

    pub(super) fn add(&mut self, command: &Arc<CommandRoute>) {
        self.commands.push(Arc::clone(command));
    }
}
