// Telegram ignores it in a reply.
use tower_telegram::{Reply, methods::SetWebhook};

fn main() {
    let _ = Reply::method_call(&SetWebhook::new("https://bot.example/"));
}
