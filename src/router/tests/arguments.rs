//! J4, J11, J17, J20: the arguments that handlers take.

use http::Request;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::{ServiceExt as _, limit::ConcurrencyLimitLayer};

use super::support::{answer, message, pressed, result, said, update};
use crate::{
    Reply,
    methods::{SendDice, SendMessage},
    router::{
        CallbackData, Command, Extension, FromRef, FromUpdate, FromUpdateParts, HandlerError,
        InvalidCallback, InvalidCommand, MissingFromUpdate, NewMessage, Router, StartPayload,
        State, UpdateParts, command,
    },
    types::{
        CallbackPayload, CallbackQuery, ChatId, ChatType, InlineKeyboardButton, InlineQuery,
        Message, Update, UpdateType, User,
    },
    webhook::{BotId, RawUpdate, Webhook, WebhookService},
};

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
    // A router that is merged later has a state of its own.
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

/// Serves one update with a webhook, and gives the text of the reply.
async fn served(service: WebhookService<Router>) -> Option<String> {
    let json = json!({"update_id": 7, "message": message("x")}).to_string();
    let raw = RawUpdate::from_bytes(json.into()).unwrap();
    let response = service.into_updates().oneshot(Request::new(raw)).await;
    let body = response.unwrap().into_body().collect().await.unwrap();
    let reply: Value = serde_json::from_slice(&body.to_bytes()).ok()?;
    Some(reply["text"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn j11_the_raw_update_is_kept_where_a_handler_takes_it() {
    async fn raw(raw: RawUpdate, update: Update) -> SendMessage {
        let again: Update = raw.parse().unwrap();
        SendMessage::new(1, (again == update).to_string())
    }
    async fn maybe(raw: Option<RawUpdate>, update: Update) -> SendMessage {
        SendMessage::new(update.update_id, raw.is_some().to_string())
    }
    async fn result(raw: Result<RawUpdate, MissingFromUpdate>) -> SendMessage {
        SendMessage::new(1, raw.is_ok().to_string())
    }
    async fn none(extension: Option<Extension<RawUpdate>>) -> SendMessage {
        SendMessage::new(1, extension.is_some().to_string())
    }
    let webhook = Webhook::without_secret_token;
    let routers = [
        Router::new().message(raw),
        Router::new().message(maybe),
        Router::new().message(result),
        Router::new()
            .message(raw)
            .layer(ConcurrencyLimitLayer::new(1)),
        Router::<&str>::new().message(raw).with_state("state"),
        Router::new().fallback(raw),
        Router::new().merge(Router::new().message(raw).private()),
    ];
    for router in routers {
        let text = served(webhook().router(router.clone())).await;
        assert_eq!(text.as_deref(), Some("true"), "{router:?}");
    }
    let router = || Router::new().message(none);
    assert_eq!(served(webhook().router(router())).await.unwrap(), "false");
    let kept = webhook().keep_raw();
    assert_eq!(served(kept.router(router())).await.unwrap(), "true");
    let without = served(webhook().service(Router::new().message(maybe))).await;
    assert_eq!(without.unwrap(), "false");
}

/// Fails at its first attempt, and then says how much time there is.
#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn j17_a_deadline_is_that_of_the_response_or_never_ends() {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use crate::{
        Client,
        webhook::{Deadline, DeadlineLayer},
    };

    const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    async fn time(deadline: Deadline, given: Option<Extension<Deadline>>) -> SendMessage {
        let left = deadline.remaining();
        assert_eq!(given.is_some(), left < LONG, "{left:?}");
        let left = (left < LONG).then_some(left.as_secs());
        SendMessage::new(1, format!("{left:?}"))
    }
    let router: Router = Router::new().message(time);
    let webhook = Webhook::without_secret_token;
    for (webhook, expected) in [
        (webhook(), "Some(50)"),
        (webhook().without_deadline(), "None"),
        (
            webhook().deadline(DeadlineLayer::new(Duration::MAX)),
            "None",
        ),
    ] {
        let answer = served(webhook.router(router.clone())).await;
        assert_eq!(answer.as_deref(), Some(expected));
    }
    // Polling and the queue hand over the update alone.
    assert_eq!(answer(&router, said("x")).await.unwrap(), "None");

    // After an early acknowledgement, the attempt that repeats the first one has no response to be late for.
    let (sent, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let server = tower::service_fn(move |call: crate::client::ApiRequest| {
        sent.send(call).unwrap();
        std::future::ready(Err(crate::client::Error::transport("no server", false)))
    });
    let ack = DeadlineLayer::ack_after(Duration::from_secs(1), Client::from_service(server));
    let has_failed = Arc::new(AtomicBool::new(false));
    let second = async move |deadline: Deadline| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if !has_failed.swap(true, Ordering::Relaxed) {
            return Err("the first attempt");
        }
        Ok(SendMessage::new(
            1,
            format!("{}", deadline.remaining() > LONG),
        ))
    };
    let service = webhook()
        .deadline(ack)
        .router(Router::new().message(second));
    assert_eq!(served(service).await, None, "acknowledged");
    let call = calls.recv().await.unwrap();
    let json: Value = serde_json::from_slice(call.json()).unwrap();
    assert_eq!(json["text"], "true");
}

/// The user's number. Its future is pending once.
#[derive(Debug)]
struct SlowUser(i64);

impl<S: Sync> FromUpdateParts<S> for SlowUser {
    type Rejection = MissingFromUpdate;

    async fn from_update_parts(parts: &mut UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
        tokio::task::yield_now().await;
        let user = parts.update.from().map(|user| Self(user.id));
        user.ok_or(MissingFromUpdate::new("a user"))
    }
}

/// The text of a message, by value. Its future is pending once.
#[derive(Debug)]
struct SlowText(String);

impl<S: Sync> FromUpdate<S> for SlowText {
    type Rejection = MissingFromUpdate;

    async fn from_update(parts: UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
        tokio::task::yield_now().await;
        let message = parts.update.any_message();
        let text = message.and_then(|message| message.text.as_deref());
        let text = text.map(|text| Self(text.into()));
        text.ok_or(MissingFromUpdate::new("a text"))
    }
}

#[tokio::test]
async fn j20_an_argument_that_waits_may_be_at_any_place() {
    fn say(text: String) -> SendMessage {
        SendMessage::new(1, text)
    }
    let routers: [(Router, &str); 6] = [
        (
            Router::new().message(async |user: SlowUser, message: NewMessage| {
                say(format!("{} {}", user.0, message.0.chat.id))
            }),
            "5 42",
        ),
        (
            Router::new()
                .message(async |chat: ChatId, user: SlowUser| say(format!("{chat} {}", user.0))),
            "42 5",
        ),
        (
            Router::new().message(async |text: SlowText| say(text.0)),
            "x",
        ),
        (
            Router::new().message(
                async |user: Option<SlowUser>, text: Result<SlowText, MissingFromUpdate>| {
                    say(format!("{user:?} {text:?}"))
                },
            ),
            "Some(SlowUser(5)) Ok(SlowText(\"x\"))",
        ),
        // It waits before the argument that isn't there.
        (
            Router::new()
                .message(async |_: SlowUser, _: CallbackQuery| {})
                .on_error(async |failed: HandlerError| say(failed.error.to_string())),
            "the handler failed: the handler takes a callback query and the update has none",
        ),
        (
            Router::new().message(async |_: ChatId, _: SlowText| {}),
            "no reply",
        ),
    ];
    for (router, expected) in routers {
        let answer = answer(&router, said("x")).await;
        let answer = answer.unwrap_or_else(|| "no reply".into());
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn a_handler_has_up_to_16_arguments() {
    #[allow(clippy::too_many_arguments)]
    async fn all(
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        _: ChatId,
        user: User,
        NewMessage(message): NewMessage,
    ) -> Option<SendMessage> {
        Some(SendMessage::new(user.id, message.text?))
    }
    let router = Router::new().message(all);
    assert_eq!(answer(&router, said("x")).await.unwrap(), "x");
}

#[tokio::test]
async fn an_argument_that_is_not_there_is_a_permanent_failure() {
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
        "the handler takes a callback query and the update has none"
    );
    assert_eq!(answer(&router, pressed("x")).await.unwrap(), "false");
    let router = Router::new().on(UpdateType::EditedMessage, any);
    let edited = update("edited_message", &message("new text"));
    assert_eq!(answer(&router, edited).await.unwrap(), "new text");
}

#[tokio::test]
async fn j4_arguments_of_a_command_are_typed_and_invalid_ones_are_answered() {
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
    let button = InlineKeyboardButton::data("Yes", &name("a:b")).unwrap();
    let data = button.callback_data.unwrap();
    assert_eq!(&*data, "vote:7:1:3:+:a%3Ab");
    let router = Router::new().callback(Vote::NAME, vote);
    let seen = answer(&router, pressed(&data)).await.unwrap();
    assert_eq!(seen, format!("1 {:?}", name("a:b")));
    let longest = "x".repeat(64 - "vote:7:1:3:+:".len());
    assert!(InlineKeyboardButton::data("Yes", &name(&longest)).is_ok());
    let error = InlineKeyboardButton::data("Yes", &name(&(longest + "x"))).unwrap_err();
    assert_eq!(error.to_string(), "callback data has 1 to 64 bytes, not 65");
}

/// Buttons outlive the version of the bot that has sent them, and a changed client sends any data.
#[tokio::test]
async fn j4_a_button_whose_data_is_of_another_form_is_answered() {
    async fn vote(CallbackData(_): CallbackData<Vote>) {}
    async fn explain(vote: Result<CallbackData<Vote>, InvalidCallback>) -> SendMessage {
        let error = vote.unwrap_err();
        SendMessage::new(1, format!("{:?}: {}", error.query_id(), error.error()))
    }
    let router = Router::new().callback(Vote::NAME, vote);
    let explains = Router::new().callback(Vote::NAME, explain);
    for broken in ["vote", "vote:7", "vote:x:0:", "vote:7:0::1", "vote:7:9:"] {
        let reply = result(&router, pressed(broken)).await.unwrap();
        assert_eq!(reply.method(), Some("answerCallbackQuery"), "{broken}");
        let text = answer(&explains, pressed(broken)).await.unwrap();
        assert!(text.starts_with("Some(\"1\"): "), "{text}");
    }
    // Its route isn't for such data, so it is the program that is wrong.
    let any = Router::new().on(UpdateType::CallbackQuery, vote);
    let error = result(&any, pressed("other:7")).await.unwrap_err();
    assert!(error.is::<crate::webhook::Failure>());
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
