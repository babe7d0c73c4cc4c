//! A bot's commands: their names and descriptions, and the menus of `setMyCommands`.

use std::sync::Arc;

use http::Request;
use tower::service_fn;

use super::{
    command_scope::{administrators_of, covers},
    endpoint::Route,
};
use crate::{
    Client,
    client::Error,
    methods::{GetMyCommands, SetMyCommands},
    types::{BotCommand, BotCommandScope, Update},
};

/// A command with its entry in the bot's menu. From [`command`].
#[derive(Clone, Debug)]
#[must_use = "a command belongs to a route"]
pub struct CommandRoute {
    name: Box<str>,
    usage: Option<Box<str>>,
    /// By language, and `None` for the default.
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
    /// The description in the bot's menu, for all languages that have none of their own: 1 to 256 characters,
    /// which [`setMyCommands`](https://core.telegram.org/bots/api#setmycommands) checks. A command without a
    /// description isn't in the menu.
    pub fn description(self, description: &str) -> Self {
        self.described(None, description)
    }

    /// The description for users of one language, a two-letter ISO 639-1 code.
    pub fn description_in(self, language: &str, description: &str) -> Self {
        self.described(Some(language.into()), description)
    }

    fn described(mut self, language: Option<Box<str>>, description: &str) -> Self {
        self.descriptions.retain(|(of, _)| *of != language);
        self.descriptions.push((language, description.into()));
        self
    }

    /// The arguments for the usage line, which the bot replies when they can't be read: with `"<sides>"` it is
    /// `Usage: /roll <sides>`.
    pub fn usage(mut self, arguments: &str) -> Self {
        self.usage = Some(arguments.into());
        self
    }

    /// A scope in whose menus the command is, and in those of each narrower scope: with
    /// [all group chats](crate::types::BotCommandScopeAllGroupChats) also in the menus of administrators and of single
    /// groups. It may be called for more than one. Default: all menus.
    ///
    /// ```
    /// use tower_telegram::{router::command, types::BotCommandScopeAllChatAdministrators};
    ///
    /// let ban = command("ban")
    ///     .description("Ban a member")
    ///     .scope(BotCommandScopeAllChatAdministrators::new());
    /// ```
    pub fn scope(mut self, scope: impl Into<BotCommandScope>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    fn is_in(&self, menu: Option<&BotCommandScope>) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|scope| covers(scope, menu))
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

    /// The limits are those of [`BotCommand`](https://core.telegram.org/bots/api#botcommand).
    pub(super) fn assert_is_valid(&self) {
        let is_valid =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            (1..=32).contains(&self.name.len()) && self.name.bytes().all(is_valid),
            "a command has 1 to 32 characters of a-z, 0-9 and _: {:?}",
            self.name
        );
    }

    /// The route with a layer that puts the usage into the request's extensions, where a [`Command`](super::Command)
    /// finds it. The route itself if there is no usage.
    pub(super) fn route_with_usage(self: &Arc<Self>, route: Route) -> Route {
        if self.usage.is_none() {
            return route;
        }
        let usage = Usage(Arc::clone(self));
        Route::of_service(service_fn(move |mut request: Request<Update>| {
            request.extensions_mut().insert(usage.clone());
            route.handle(request)
        }))
    }
}

/// The usage of a command, in the extensions of a request.
#[derive(Clone, Debug)]
pub(super) struct Usage(Arc<CommandRoute>);

impl Usage {
    pub(super) fn text(&self) -> String {
        let usage = self.0.usage.as_deref().unwrap_or_default();
        format!("/{} {usage}", self.0.name)
    }
}

/// Commands by scope and language. From [`Router::commands`](super::Router::commands), for
/// [`Client::ensure_commands`](crate::Client::ensure_commands).
///
/// Telegram shows a user [one menu and merges none](https://core.telegram.org/bots/api#determining-list-of-commands):
/// that of the narrowest scope, and in it that of the user's language. So each menu has the commands of all wider
/// scopes too, and those without a description in its language in their default one. A command with more than one
/// route, as in groups with conditions, is in a menu once: by the route that names the menu's scope, or else the first.
#[derive(Clone, Debug, Default)]
pub struct CommandList {
    commands: Vec<Arc<CommandRoute>>,
}

/// The commands of one scope in one language: the arguments of a
/// [`setMyCommands`](https://core.telegram.org/bots/api#setmycommands).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommandMenu {
    /// The scope; `None` is the default, all chats.
    pub scope: Option<BotCommandScope>,
    /// The language, a two-letter ISO 639-1 code; `None` is each language without a menu of its own.
    pub language: Option<Box<str>>,
    /// The commands, in the order in which their routes were added.
    pub commands: Vec<BotCommand>,
}

impl CommandList {
    /// A menu for each scope of a command, in each language of one of its descriptions.
    ///
    /// Where a group has a menu, and there are commands for the administrators of all groups, its administrators have
    /// a menu too, because they would see that of its members.
    pub fn menus(&self) -> Vec<CommandMenu> {
        let mut scopes: Vec<Option<BotCommandScope>> = vec![None];
        let mut add = |scope: BotCommandScope| {
            let is_default = matches!(scope, BotCommandScope::Default(_));
            if !is_default && !scopes.contains(&Some(scope.clone())) {
                scopes.push(Some(scope));
            }
        };
        let all = || self.commands.iter().flat_map(|command| &command.scopes);
        all().cloned().for_each(&mut add);
        if all().any(|scope| matches!(scope, BotCommandScope::AllChatAdministrators(_))) {
            all().filter_map(administrators_of).for_each(&mut add);
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
            commands: entries(&commands, scope, language),
        };
        languages.into_iter().map(menu).collect()
    }

    pub(super) fn add(&mut self, command: &Arc<CommandRoute>) {
        self.commands.push(Arc::clone(command));
    }
}

/// The entries of a menu, each name once and in the order in which their routes were added.
fn entries(
    commands: &[&Arc<CommandRoute>],
    scope: Option<&BotCommandScope>,
    language: Option<&str>,
) -> Vec<BotCommand> {
    let names_it = |command: &CommandRoute| scope.is_some_and(|of| command.scopes.contains(of));
    let mut entries: Vec<(BotCommand, bool)> = Vec::new();
    for command in commands {
        let Some(entry) = command.entry(language) else {
            continue;
        };
        let is_named = names_it(command);
        let mut others = entries.iter_mut();
        match others.find(|(other, _)| other.command == entry.command) {
            None => entries.push((entry, is_named)),
            Some(other) if is_named && !other.1 => *other = (entry, true),
            Some(_) => {}
        }
    }
    entries.into_iter().map(|(entry, _)| entry).collect()
}

impl Client {
    /// Makes the bot's menus show these commands: reads each menu, and sets those that differ. Returns the
    /// number of menus that were set.
    ///
    /// A menu of a scope and language that the list doesn't have stays as it is. Replicas may do this at the
    /// same time when they start, because all of them set the same.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, router::Router};
    /// # async fn start(client: Client, router: Router) -> Result<(), tower_telegram::client::Error> {
    /// client.ensure_commands(&router.commands()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a call to [`getMyCommands`](https://core.telegram.org/bots/api#getmycommands) or
    /// [`setMyCommands`](https://core.telegram.org/bots/api#setmycommands). The menus before it stay set.
    pub async fn ensure_commands(&self, commands: &CommandList) -> Result<usize, Error> {
        let mut set = 0;
        for menu in commands.menus() {
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
            if self.send(read).await? != menu.commands {
                self.send(write).await?;
                set += 1;
            }
        }
        Ok(set)
    }
}
