//! J9: a text over the limit, and formatted text that is sent again.

use tower_telegram::{
    Client,
    methods::SendMessage,
    text::{Builder, FormattedText, MAX_MESSAGE},
    types::{Message, MessageEntityType as Kind, ParseMode},
};
use tower_telegram_test::Telegram;

async fn telegram() -> (Telegram, Client) {
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a URL");
    (telegram, client)
}

/// The message as its receiver sees it.
fn received(message: &Message) -> Vec<(String, String)> {
    let entities = message.text_entities();
    let mut entities: Vec<_> = entities
        .map(|(entity, text)| (entity.kind.to_string(), text.to_owned()))
        .collect();
    entities.sort();
    entities
}

#[tokio::test]
async fn j9_the_parts_of_a_text_over_the_limit_are_the_whole_text() {
    let (telegram, client) = telegram().await;
    let ada = telegram.user("Ada");
    let code = "    GET / 200 😀\n".repeat(600);
    let words = "Some words. ".repeat(400);
    let text = Builder::new()
        .bold("Log")
        .newline()
        .pre(code.as_str(), "http")
        .newline()
        .text(words.as_str())
        .link("a link of some words", "https://example.org/")
        .build();
    let whole = client.send(text.clone().into_message(ada.id())).await;
    let refused = whole.expect_err("over the limit").to_string();
    assert!(refused.contains("message is too long"), "{refused}");

    let parts = text.split(MAX_MESSAGE);
    assert!(parts.iter().all(|part| part.units() <= MAX_MESSAGE));
    let mut lines = 0;
    let mut together = String::new();
    for part in parts {
        let sent = client.send(part.clone().into_message(ada.id())).await;
        let sent = sent.expect("sent");
        // No part is over the server's limit.
        assert_eq!(sent.text.as_deref(), Some(part.text.as_str()));
        assert_eq!(sent.entities.unwrap_or_default(), part.entities);
        for entity in part
            .entities
            .iter()
            .filter(|entity| entity.kind == Kind::Pre)
        {
            assert_eq!(entity.language.as_deref(), Some("http"));
            let code = entity.slice(&part.text).expect("code");
            lines += code.lines().count();
            assert!(code.lines().all(|line| line == "    GET / 200 😀"));
        }
        together.extend(part.text.split_whitespace());
    }
    assert_eq!(lines, 600);
    assert_eq!(together, text.text.split_whitespace().collect::<String>());
}

#[tokio::test]
async fn j9_formatted_text_is_sent_again_unchanged() {
    let (telegram, client) = telegram().await;
    let ada = telegram.user("Ada");
    let text: FormattedText = Builder::new()
        .nested(Kind::Underline, |text| {
            text.text("1 < 2. ").nested(Kind::Italic, |text| {
                text.text("so_")
                    .link("😀 [a]", "https://example.org/?a=(b)&c")
            })
        })
        .newline()
        .blockquote(Builder::new().text("said ").bold("*she*\nand").text(" he"))
        .newline()
        .code(r"\`a`")
        .text(" ")
        .spoiler(
            Builder::new()
                .custom_emoji("👍", "5368324170671202286")
                .text("!"),
        )
        .build();
    let first = client.send(text.into_message(ada.id())).await;
    let first = first.expect("sent");
    let html = SendMessage::new(ada.id(), first.html().expect("a text"));
    let html = client.send(html.parse_mode(ParseMode::Html)).await;
    let html = html.expect("read as HTML");
    let markdown = SendMessage::new(ada.id(), html.markdown().expect("a text"));
    let markdown = client
        .send(markdown.parse_mode(ParseMode::MarkdownV2))
        .await;
    let markdown = markdown.expect("read as MarkdownV2");
    let again = SendMessage::new(ada.id(), markdown.html().expect("a text"));
    let again = client.send(again.parse_mode(ParseMode::Html)).await;
    let again = again.expect("read as HTML");
    for sent in [&html, &markdown, &again] {
        assert_eq!(sent.text, first.text);
    }
    assert_eq!(received(&again), received(&markdown));
    let links = |message| {
        let mut all = received(message);
        all.retain(|(kind, _)| !["underline", "italic", "spoiler"].contains(&kind.as_str()));
        // The line break after a quotation belongs to it in MarkdownV2.
        let all = all.into_iter();
        all.map(|(kind, text)| (kind, text.trim_end().to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(links(&html), links(&first));
    assert_eq!(links(&markdown), links(&first));
}
