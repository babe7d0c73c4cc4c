//! An album of three files, from memory, from the disk and from a reader, with progress.
//!
//! `cargo run --example media` uploads it to an embedded Telegram; with `TELEGRAM_BOT_TOKEN` set,
//! `cargo run --example media CHAT` sends it to a chat.

use std::{env, fs};

use example_bot::{Connection, Failure, gradient, say};
use tower_telegram::{
    Client,
    methods::SendMediaGroup,
    types::{InputFile, InputMediaDocument, MediaGroupItem},
};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let connection = Connection::from_env().await?;
    let client = Client::builder(&connection.token)
        .base_url(&connection.api_url)?
        .build();
    let chat = connection.chat()?;

    let path = env::temp_dir().join(format!("tower-telegram-{}.bin", std::process::id()));
    fs::File::create(&path)?.set_len(3 << 20)?;
    let lines = "what is read as it goes needs no file\n".repeat(10_000);

    let album = [
        InputFile::bytes("gradient.png", gradient(64)),
        // Opened when it is sent, and again should that be repeated; never all in memory.
        InputFile::path(&path),
        // Any AsyncRead. Its length, if it is known, goes ahead of it.
        InputFile::reader("lines.txt", std::io::Cursor::new(lines), None),
    ];
    let album: Vec<MediaGroupItem> = album.into_iter().map(shown).collect();

    let sent = client.send(SendMediaGroup::new(chat, album)).await;
    fs::remove_file(&path)?;
    for message in sent? {
        let caption = message.caption.as_deref();
        say(&format!(
            "message {}: {}",
            message.message_id,
            caption.unwrap_or_default()
        ));
    }
    Ok(())
}

/// A file of the album that says how far it has come, once for each MiB and at its end.
fn shown(file: InputFile) -> MediaGroupItem {
    let name = file.as_upload().map(|upload| upload.file_name().to_owned());
    let name = name.unwrap_or_default();
    let caption = name.clone();
    let file = file.on_progress(move |at| {
        let total = at.total.map_or("?".to_owned(), |total| total.to_string());
        if at.sent.is_multiple_of(1 << 20) || at.total == Some(at.sent) || at.total.is_none() {
            say(&format!("{name}: {} of {total} bytes", at.sent));
        }
    });
    InputMediaDocument::new(file).caption(caption).into()
}
