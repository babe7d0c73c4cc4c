//! J: what a route matches, and what handlers are given.

use std::sync::{Arc, Mutex};

use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::{BoxError, ServiceExt as _, limit::ConcurrencyLimitLayer};

use super::*;
use crate::{
    Reply,
    methods::{SendDice, SendMessage},
    types::{
        BotCommand, CallbackQuery, ChatId, ChatType, InlineQuery, Message, Update, UpdateType, User,
    },
    webhook::BotId,
};

/// An update of a type, with the text where its payload has one.
fn update(kind: &str, payload: &Value) -> Update {
    let json = json!({"update_id": 7, kind: payload}).to_string();
    Update::from_slice(json.as_bytes()).unwrap()
}

fn message(text: &str) -> Value {
    let mut message = json!({
        "message_id": 1, "date": 0, "text": text,
        "chat": {"id": 42, "type": "private"},
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"},
    });
    if text.starts_with('/') {
        let command = text.split_whitespace().next().unwrap();
        let length = command.encode_utf16().count();
        message["entities"] = json!([{"type": "bot_command", "offset": 0, "length": length}]);
    }
    message
}

fn said(text: &str) -> Update {
    update("message", &message(text))
}

fn pressed(data: &str) -> Update {
    let mut query = json!({
        "id": "1", "chat_instance": "1", "message": message("choose"),
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"},
    });
    if data != "no data" {
        query["data"] = data.into();
    }
    update("callback_query", &query)
}

async fn result(router: &Router, update: Update) -> Result<Reply, BoxError> {
    router.clone().oneshot(Request::new(update)).await
}

/// The text of the reply; `None` where there is no reply.
async fn answer(router: &Router, update: Update) -> Option<String> {
    let reply = result(router, update).await.unwrap();
    let reply: Value = serde_json::from_slice(reply.json()?).unwrap();
    Some(reply["text"].as_str().unwrap_or_default().to_owned())
}

/// A handler that says which it is.
macro_rules! says {
    ($text:literal) => {
        async || SendMessage::new(1, $text)
    };
}

fn many() -> Router {
    Router::new()
        .username("this_bot")
        .command("start", says!("start"))
        .command("help", says!("help"))
        .callback("vote", says!("vote"))
        .callback("", says!("empty name"))
        .message(says!("message"))
        .on(UpdateType::EditedMessage, says!("edited"))
        .on(UpdateType::Unknown, says!("unknown"))
        .route(
            [UpdateType::Message, UpdateType::ChannelPost],
            |update| {
                update
                    .message()
                    .is_some_and(|message| message.text.as_deref() == Some("yes"))
            },
            says!("predicate"),
        )
        .fallback(says!("fallback"))
}

#[tokio::test]
async fn j1_a_command_is_told_by_its_entity_its_name_and_this_bots_name() {
    let router = many();
    for (text, expected) in [
        ("/start", "start"),
        ("/start with words", "start"),
        ("/start\nnew line", "start"),
        ("/START", "start"),
        ("/start@this_bot", "start"),
        ("/Start@THIS_bot x", "start"),
        ("/start@other_bot", "message"),
        ("/help", "help"),
        ("/started", "message"),
        ("/star", "message"),
        ("/", "message"),
        ("say /start", "message"),
        ("", "message"),
    ] {
        assert_eq!(
            answer(&router, said(text)).await.as_deref(),
            Some(expected),
            "{text:?}"
        );
    }
    let mut unmarked = message("/start");
    unmarked["entities"] = json!([]);
    assert_eq!(
        answer(&router, update("message", &unmarked)).await.unwrap(),
        "message"
    );
    // Without this bot's name, a command is taken whatever bot it names.
    let nameless = Router::new().command("start", says!("start"));
    assert_eq!(
        answer(&nameless, said("/start@other_bot")).await.unwrap(),
        "start"
    );
}

#[tokio::test]
async fn j2_a_command_may_be_in_a_caption_but_not_in_an_edited_message_or_a_post() {
    let router = many();
    let mut photo = message("/start");
    let fields = photo.as_object_mut().unwrap();
    let (text, entities) = (fields.remove("text"), fields.remove("entities"));
    fields.insert("caption".into(), text.unwrap());
    fields.insert("caption_entities".into(), entities.unwrap());
    assert_eq!(
        answer(&router, update("message", &photo)).await.unwrap(),
        "start"
    );
    let edited = update("edited_message", &message("/start"));
    assert_eq!(answer(&router, edited).await.unwrap(), "edited");
    let post = update("channel_post", &message("/start"));
    assert_eq!(answer(&router, post).await.unwrap(), "fallback");
}

#[tokio::test]
async fn j3_callback_data_is_told_by_the_part_before_the_first_colon() {
    let router = many();
    for (data, expected) in [
        ("vote", "vote"),
        ("vote:", "vote"),
        ("vote:1:2", "vote"),
        ("votes:1", "fallback"),
        ("Vote", "fallback"),
        ("", "empty name"),
        (":1", "empty name"),
        ("no data", "fallback"),
    ] {
        assert_eq!(
            answer(&router, pressed(data)).await.as_deref(),
            Some(expected),
            "{data:?}"
        );
    }
}

#[tokio::test]
async fn j5_by_predicate_then_by_type_then_the_fallback() {
    let router = many();
    assert_eq!(answer(&router, said("yes")).await.unwrap(), "predicate");
    let post = update("channel_post", &message("yes"));
    assert_eq!(answer(&router, post).await.unwrap(), "predicate");
    let edited = update("edited_message", &message("yes"));
    assert_eq!(answer(&router, edited).await.unwrap(), "edited");
    let new = update("planet_discovered", &json!({}));
    assert_eq!(answer(&router, new).await.unwrap(), "unknown");
    let query = json!({"id": "1", "query": "", "offset": "",
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"}});
    let query = update("inline_query", &query);
    assert_eq!(answer(&router, query.clone()).await.unwrap(), "fallback");
    let without = Router::new().message(says!("message"));
    assert_eq!(
        answer(&without, query).await,
        None,
        "nothing is done, and that is done"
    );
}

#[tokio::test]
async fn j6_a_merged_router_with_conditions_is_asked_first_and_only_where_they_are_met() {
    let admin = Router::new()
        .command("start", says!("admin"))
        .in_chats([42]);
    let inner = Router::new()
        .callback("vote", says!("inner"))
        .only_if(|_| false);
    let router = many().merge(admin).merge(inner.merge(Router::new()));
    assert_eq!(answer(&router, said("/start")).await.unwrap(), "admin");
    assert_eq!(
        answer(&router, said("/start@other_bot")).await.unwrap(),
        "message"
    );
    assert_eq!(answer(&router, said("/help")).await.unwrap(), "help");
    assert_eq!(answer(&router, pressed("vote")).await.unwrap(), "vote");
    let mut elsewhere = message("/start");
    elsewhere["chat"] = json!({"id": -7, "type": "group", "title": "G"});
    let elsewhere = update("message", &elsewhere);
    assert_eq!(answer(&router, elsewhere.clone()).await.unwrap(), "start");
    let private = Router::new().fallback(says!("private")).private();
    let router = Router::new().message(says!("any")).merge(private);
    assert_eq!(answer(&router, said("x")).await.unwrap(), "private");
    assert_eq!(answer(&router, elsewhere).await.unwrap(), "any");
}

#[test]
fn j7_allowed_updates_are_what_the_routes_are_for() {
    let types = |router: &Router| router.allowed_updates().iter().collect::<Vec<_>>();
    let router = Router::new()
        .command("start", says!(""))
        .callback("vote", says!(""))
        .fallback(says!(""))
        .merge(
            Router::new()
                .on(UpdateType::ChatMember, says!(""))
                .private(),
        );
    let expected = [
        UpdateType::Message,
        UpdateType::CallbackQuery,
        UpdateType::ChatMember,
    ];
    assert_eq!(types(&router), expected);
    let default = crate::types::AllowedUpdates::default();
    assert_eq!(Router::<()>::new().allowed_updates(), default);
}

#[test]
fn j8_what_is_there_twice_or_is_no_command_panics_while_it_is_built() {
    let panics = |build: fn() -> Router| {
        let built = std::panic::catch_unwind(build);
        *built.expect_err("it panics").downcast::<String>().unwrap()
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let texts = [
        panics(|| many().command("start", says!(""))),
        panics(|| many().callback("vote", says!(""))),
        panics(|| many().merge(Router::new().message(says!("")))),
        panics(|| Router::new().command("Start", says!(""))),
        panics(|| Router::new().command("/start", says!(""))),
        panics(|| Router::new().command("", says!(""))),
    ];
    std::panic::set_hook(hook);
    assert_eq!(texts[0], "there is a route for the command /start already");
    assert_eq!(
        texts[1],
        "there is a route for the callback data \"vote\" already"
    );
    assert_eq!(
        texts[2],
        "there is a route for updates of the type message already"
    );
    for text in &texts[3..] {
        assert!(text.contains("a command has 1 to 32 characters"), "{text}");
    }
}

#[derive(Clone)]
struct App {
    greeting: &'static str,
    number: u32,
}

impl FromRef<App> for u32 {
    fn from_ref(app: &App) -> Self {
        app.number
    }
}

#[tokio::test]
async fn handlers_have_the_state_or_a_part_of_it() {
    async fn greet(State(app): State<App>, State(number): State<u32>) -> SendMessage {
        SendMessage::new(1, format!("{} {number}", app.greeting))
    }
    let app = App {
        greeting: "hi",
        number: 3,
    };
    let router: Router = Router::new().message(greet).with_state(app);
    assert_eq!(answer(&router, said("x")).await.unwrap(), "hi 3");
    // What is merged after has a state of its own.
    let other: Router = Router::new()
        .callback("vote", async |State(text): State<&'static str>| {
            SendMessage::new(1, text)
        })
        .with_state("other");
    assert_eq!(
        answer(&router.merge(other), pressed("vote")).await.unwrap(),
        "other"
    );
}

#[tokio::test]
async fn handlers_have_the_parts_of_an_update() {
    async fn all(
        user: User,
        chat: ChatId,
        bot: Option<BotId>,
        Extension(word): Extension<&'static str>,
        missing: Result<Extension<u8>, MissingFromUpdate>,
        press: Option<CallbackData<Vote>>,
        NewMessage(message): NewMessage,
    ) -> SendMessage {
        assert_eq!(message.chat.kind, ChatType::Private);
        assert!(missing.is_err() && press.is_none());
        SendMessage::new(chat, format!("{} {bot:?} {word}", user.first_name))
    }
    let router = Router::new().message(all);
    let mut request = Request::new(said("x"));
    request.extensions_mut().insert("word");
    request.extensions_mut().insert(BotId(9));
    let reply = router.oneshot(request).await.unwrap();
    let reply: Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
    assert_eq!(reply["text"], "Ada Some(BotId(9)) word");
    assert_eq!(reply["chat_id"], 42);
}

#[tokio::test]
async fn an_argument_that_is_not_there_has_failed_for_good() {
    async fn press(_: CallbackQuery) {}
    async fn inline(query: Option<InlineQuery>) -> SendMessage {
        SendMessage::new(1, query.is_some().to_string())
    }
    async fn any(message: Message) -> Option<SendMessage> {
        Some(SendMessage::new(1, message.text?))
    }
    let router = Router::new().message(press).callback("x", inline);
    let error = result(&router, said("x")).await.unwrap_err();
    let failure = error.downcast::<crate::webhook::Failure>().unwrap();
    assert!(failure.is_permanent());
    let cause = failure.as_error().unwrap().to_string();
    assert_eq!(
        cause,
        "the update hasn't a callback query, which the handler takes"
    );
    assert_eq!(answer(&router, pressed("x")).await.unwrap(), "false");
    let router = Router::new().on(UpdateType::EditedMessage, any);
    let edited = update("edited_message", &message("new text"));
    assert_eq!(answer(&router, edited).await.unwrap(), "new text");
}

#[tokio::test]
async fn j4_arguments_of_a_command_are_typed_and_what_does_not_fit_is_answered() {
    async fn roll(Command(sides): Command<u32>) -> SendMessage {
        SendMessage::new(1, format!("{sides}"))
    }
    async fn add(Command((a, b)): Command<(i64, Option<i64>)>) -> SendMessage {
        SendMessage::new(1, format!("{}", a + b.unwrap_or(1)))
    }
    async fn note(Command(text): Command) -> SendMessage {
        SendMessage::new(1, text)
    }
    async fn words(Command(words): Command<Vec<String>>) -> SendMessage {
        SendMessage::new(1, words.join("+"))
    }
    async fn own(read: Result<Command<u8>, InvalidCommand>) -> SendMessage {
        SendMessage::new(1, read.map_or("mine".into(), |Command(n)| n.to_string()))
    }
    async fn start(StartPayload(payload): StartPayload) -> SendMessage {
        SendMessage::new(1, format!("{payload:?}"))
    }
    async fn ping(_: Command<()>) -> SendMessage {
        SendMessage::new(1, "pong")
    }
    let router = Router::new()
        .command("roll", roll)
        .command(command("add").usage("<number> [number]"), add)
        .command("note", note)
        .command("words", words)
        .command("own", own)
        .command("start", start)
        .command("ping", ping);
    for (text, expected) in [
        ("/roll 6", "6"),
        ("/roll   6  ", "6"),
        ("/roll", "an argument is missing"),
        (
            "/roll six",
            "invalid argument \"six\": invalid digit found in string",
        ),
        ("/roll 6 7", "unexpected argument \"7\""),
        ("/add 2 3", "5"),
        ("/add 2", "3"),
        ("/add x", "Usage: /add <number> [number]"),
        ("/add 1 2 3", "Usage: /add <number> [number]"),
        ("/note buy  milk\nand bread", "buy  milk\nand bread"),
        ("/words a  b\nc", "a+b+c"),
        ("/own 300", "mine"),
        ("/own 30", "30"),
        ("/start", "None"),
        ("/start ref_7", "Some(\"ref_7\")"),
        ("/ping", "pong"),
    ] {
        assert_eq!(
            answer(&router, said(text)).await.as_deref(),
            Some(expected),
            "{text:?}"
        );
    }
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Vote {
    poll: u32,
    choice: Choice,
    name: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Choice {
    Yes,
    Other(u8),
}

impl CallbackPayload for Vote {
    const NAME: &str = "vote";
}

#[tokio::test]
async fn j4_callback_data_is_typed_and_has_at_most_64_bytes() {
    async fn vote(CallbackData(vote): CallbackData<Vote>, query: CallbackQuery) -> SendMessage {
        SendMessage::new(1, format!("{} {vote:?}", query.id))
    }
    let name = |name: &str| Vote {
        poll: 7,
        choice: Choice::Other(3),
        name: Some(name.into()),
    };
    let button = callback_button("Yes", &name("a:b")).unwrap();
    let data = button.callback_data.unwrap();
    assert_eq!(&*data, "vote:7:1:3:+:a%3Ab");
    let router = Router::new().callback(Vote::NAME, vote);
    let seen = answer(&router, pressed(&data)).await.unwrap();
    assert_eq!(seen, format!("1 {:?}", name("a:b")));
    let longest = "x".repeat(64 - "vote:7:1:3:+:".len());
    assert!(callback_button("Yes", &name(&longest)).is_ok());
    let error = callback_button("Yes", &name(&(longest + "x"))).unwrap_err();
    assert_eq!(error.to_string(), "callback data has 1 to 64 bytes, not 65");
    for broken in ["vote", "vote:7", "vote:x:0:", "vote:7:0::1", "vote:7:9:"] {
        let error = result(&router, pressed(broken)).await.unwrap_err();
        assert!(error.is::<crate::webhook::Failure>(), "{broken}");
    }
}

#[tokio::test]
async fn arms_of_a_match_may_be_different_methods() {
    async fn play(Command(what): Command) -> Reply {
        match &*what {
            "dice" => SendDice::new(1).into(),
            _ => SendMessage::new(1, what).into(),
        }
    }
    let router = Router::new().command("play", play);
    let dice = result(&router, said("/play dice")).await.unwrap();
    assert_eq!(dice.method(), Some("sendDice"));
    assert_eq!(answer(&router, said("/play x")).await.unwrap(), "x");
}

#[tokio::test]
async fn an_error_goes_to_the_hook_which_may_reply_or_pass_it_on() {
    async fn fail(Command(text): Command) -> Result<(), BoxError> {
        Err(text.into())
    }
    let router: Router = Router::new()
        .command("fail", fail)
        .on_error(async |failed: HandlerError| {
            assert_eq!((failed.update_id, failed.user_id), (7, Some(5)));
            match failed.error.to_string().as_str() {
                "quietly" => Err(failed.error),
                error => Ok(SendMessage::new(failed.chat_id.unwrap(), error)),
            }
        })
        .command("later", async || Err::<(), _>("not hooked"));
    assert_eq!(
        answer(&router, said("/fail loudly")).await.unwrap(),
        "loudly"
    );
    let error = result(&router, said("/fail quietly")).await.unwrap_err();
    assert_eq!(error.to_string(), "quietly");
    let error = result(&router, said("/later")).await.unwrap_err();
    assert_eq!(error.to_string(), "not hooked");
}

#[tokio::test]
async fn layers_are_around_the_routes_that_were_there() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let noting = tower::layer::layer_fn(move |route: Route| {
        let seen = Arc::clone(&seen);
        route.map_request(move |request: Request<Update>| {
            seen.lock().unwrap().push(request.body().update_type());
            request
        })
    });
    let router: Router = Router::new()
        .command("start", says!("start"))
        .layer(noting)
        .layer(ConcurrencyLimitLayer::new(1))
        .message(says!("message"));
    assert_eq!(answer(&router, said("/start")).await.unwrap(), "start");
    assert_eq!(answer(&router, said("x")).await.unwrap(), "message");
    assert_eq!(*log.lock().unwrap(), [UpdateType::Message]);
}

#[test]
fn commands_are_listed_by_scope_and_language() {
    use crate::types::BotCommandScopeAllPrivateChats;

    let router: Router = Router::new()
        .command(
            command("start")
                .description("Begin")
                .description_in("de", "Los"),
            says!(""),
        )
        .command(
            command("stop")
                .description("End")
                .scope(BotCommandScopeAllPrivateChats::new()),
            says!(""),
        )
        .command("secret", says!(""));
    let menus = router.commands().menus();
    let menus: Vec<_> = menus
        .iter()
        .map(|menu| {
            let entry = |entry: &BotCommand| format!("{}={}", entry.command, entry.description);
            let entries: Vec<_> = menu.commands.iter().map(entry).collect();
            (
                menu.scope.is_some(),
                menu.language.as_deref(),
                entries.join(" "),
            )
        })
        .collect();
    // Telegram shows one list and merges none.
    let expected = [
        (false, None, "start=Begin"),
        (false, Some("de"), "start=Los"),
        (true, None, "start=Begin stop=End"),
        (true, Some("de"), "start=Los stop=End"),
    ];
    let expected = expected.map(|(scoped, language, text)| (scoped, language, text.to_owned()));
    assert_eq!(menus, expected);
}
