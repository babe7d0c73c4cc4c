//! An album of three files, from memory, from the disk and from a reader, with their progress.
//!
//! ```sh
//! cargo run --example media
//! ```
//!
//! uploads it to a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` set, `cargo run --example media CHAT` sends it
//! to that chat, by its number or `@name`.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = "0.1"
//! tower-telegram-test = "0.1"
//! ```

use std::{env, error::Error, fs, io::Cursor};

use tower_telegram::{
    Client,
    methods::SendMediaGroup,
    types::{ChatId, InputFile, InputMediaDocument, MediaGroupItem},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    if Playground::new().arguments(["42"]).play().await? {
        return Ok(());
    }
    let client = Client::from_env()?;
    let chat = env::args().nth(1);
    let chat: ChatId = chat.ok_or("the first argument must be a chat")?.parse()?;

    let path = env::temp_dir().join(format!("tower-telegram-{}.bin", std::process::id()));
    fs::File::create(&path)?.set_len(3 << 20)?;
    let album = [
        InputFile::bytes("hello.txt", "Made just now."),
        // Opened when it is sent, and again if the call is repeated. It is never in memory as a whole.
        InputFile::path(&path),
        // Any `AsyncRead`. If its length is known, Telegram gets it ahead.
        InputFile::reader("lines.txt", Cursor::new("a line\n".repeat(50_000)), None),
    ];
    let album = SendMediaGroup::new(chat, album.map(with_progress).to_vec());
    let sent = client.send(album).await;
    let removed = fs::remove_file(&path);
    for message in sent? {
        println!(
            "message {}: {}",
            message.message_id,
            message.caption.unwrap_or_default()
        );
    }
    Ok(removed?)
}

/// The file as a part of the album. It prints how far it has come at each MiB and at its end.
fn with_progress(file: InputFile) -> MediaGroupItem {
    let name = file.as_upload().map(|upload| upload.file_name().to_owned());
    let name = name.unwrap_or_default();
    let caption = name.clone();
    let file = file.on_progress(move |progress| match progress.total {
        Some(total) if progress.sent == total || progress.sent.is_multiple_of(1 << 20) => {
            println!("{name}: {} of {total} bytes", progress.sent);
        }
        Some(_) => {}
        None => println!("{name}: {} bytes", progress.sent),
    });
    InputMediaDocument::new(file).caption(caption).into()
}
