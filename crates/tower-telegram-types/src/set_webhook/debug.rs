//! `Debug` of the types with a webhook's URL, without the password that it may hold.

use std::fmt;

use super::url;
use crate::{methods::SetWebhook, types::WebhookInfo};

impl fmt::Debug for SetWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetWebhook")
            .field("url", &url::without_user_info(&self.url))
            .field("certificate", &self.certificate)
            .field("ip_address", &self.ip_address)
            .field("max_connections", &self.max_connections)
            .field("allowed_updates", &self.allowed_updates)
            .field("drop_pending_updates", &self.drop_pending_updates)
            .field("secret_token", &self.secret_token)
            .field("is_for_local_server", &self.is_for_local_server)
            .finish()
    }
}

impl fmt::Debug for WebhookInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookInfo")
            .field("url", &url::without_user_info(&self.url))
            .field("has_custom_certificate", &self.has_custom_certificate)
            .field("pending_update_count", &self.pending_update_count)
            .field("ip_address", &self.ip_address)
            .field("last_error_date", &self.last_error_date)
            .field("last_error_message", &self.last_error_message)
            .field(
                "last_synchronization_error_date",
                &self.last_synchronization_error_date,
            )
            .field("max_connections", &self.max_connections)
            .field("allowed_updates", &self.allowed_updates)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_debug_shows_the_url_without_its_password() {
        for (url, shown) in [
            (
                "https://ada:swordfish@bot.example/x",
                "https://..@bot.example/x",
            ),
            ("ada:swordfish@bot.example", "..@bot.example"),
            (
                "https://ada@swordfish@bot.example/@y",
                "https://..@bot.example/@y",
            ),
            ("https://bot.example/x@y", "https://bot.example/x@y"),
            ("https://@bot.example/", "https://@bot.example/"),
        ] {
            let json = format!(
                r#"{{"url":"{url}","has_custom_certificate":false,"pending_update_count":0}}"#
            );
            let info: WebhookInfo = serde_json::from_str(&json).unwrap();
            for text in [format!("{:?}", SetWebhook::new(url)), format!("{info:?}")] {
                assert!(text.contains(&format!("url: {shown:?}")), "{text}");
                assert!(!text.contains("swordfish"), "{text}");
            }
        }
    }
}
