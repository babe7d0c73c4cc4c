//! J15: the bot's menus.

use tower_telegram::{
    methods::{GetMyCommands, SetMyCommands},
    router::{CommandRoute, Router, command},
    types::{BotCommandScope, BotCommandScopeAllPrivateChats},
};

use super::ways::start;

async fn nothing() {}

fn router(start: &str) -> Router {
    let start = command("start")
        .description(start)
        .description_in("de", "Los");
    let stop: CommandRoute = command("stop")
        .description("End")
        .scope(BotCommandScopeAllPrivateChats::new());
    Router::new()
        .command(start, nothing)
        .command(stop, nothing)
        .command("secret", nothing)
}

#[tokio::test]
async fn j15_only_menus_that_differ_are_set() {
    let (telegram, client) = start().await;
    let first = router("Begin").commands();
    let set = async |commands| client.ensure_commands(commands).await.unwrap();
    assert_eq!(set(&first).await, 4, "two scopes in two languages");
    assert_eq!(set(&first).await, 0);
    assert_eq!(telegram.calls_of::<SetMyCommands>().len(), 4);
    let scope = BotCommandScope::from(BotCommandScopeAllPrivateChats::new());
    let private = client
        .send(GetMyCommands::new().scope(scope))
        .await
        .unwrap();
    let names: Vec<_> = private.iter().map(|command| &*command.command).collect();
    assert_eq!(names, ["start", "stop"]);
    // The German menus stay as they are.
    assert_eq!(set(&router("Begin anew").commands()).await, 2);
}

#[tokio::test]
async fn j15_an_error_of_a_call_is_the_result() {
    let (telegram, client) = start().await;
    let refused = tower_telegram_test::Answer::error(401, "Unauthorized");
    telegram.answer("setMyCommands", refused);
    let error = client.ensure_commands(&router("Begin").commands()).await;
    assert!(error.unwrap_err().is_unauthorized());
}
