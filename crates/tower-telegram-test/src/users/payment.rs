//! A user's payment of an invoice.

use serde_json::{Map, Value, json};

use super::person::User;
use tower_telegram_types::{
    methods::{AnswerPreCheckoutQuery, AnswerShippingQuery},
    types::Message,
};

use super::delivered::{Sent, not_possible};
use crate::error::Error;

impl User {
    /// Pays an invoice. It asks the bot for shipping options if the price depends on them, then for the
    /// approval of the order, waits for both answers, and notifies the bot of the payment with a message.
    /// Of several shipping options the first is taken.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NoCall`] if the bot doesn't answer within
    /// [`wait_timeout`](crate::TelegramBuilder::wait_timeout), [`Error::PaymentRefused`] if it refuses, and
    /// [`Error::NotPossible`] if the message has no invoice.
    pub async fn pays(&self, message: &Message) -> Result<Sent, Error> {
        let (shown, hidden) = self.invoice(message)?;
        let mut order = json!({
            "currency": shown["currency"], "total_amount": shown["total_amount"], "invoice_payload": hidden["payload"],
        });
        if hidden["is_flexible"] == true {
            self.ships(&hidden, &mut order).await?;
        }
        self.checks_out(&order).await?;
        let number = self.telegram.people().next_id();
        order["telegram_payment_charge_id"] = format!("telegram-{number}").into();
        order["provider_payment_charge_id"] = format!("provider-{number}").into();
        self.telegram.people().record_payment(self.id, &order);
        self.posts(Map::from_iter([("successful_payment".to_owned(), order)]))
            .await
    }

    /// The visible and the hidden part of the invoice.
    fn invoice(&self, message: &Message) -> Result<(Value, Value), Error> {
        let people = self.telegram.people();
        let entry = people.entry(message.chat.id, message.message_id);
        let hidden = entry.and_then(|entry| entry.invoice.clone());
        let shown = entry.map(|entry| entry.message["invoice"].clone());
        let found = shown.zip(hidden);
        found.ok_or_else(|| not_possible("payment", "there is no invoice in the message"))
    }

    /// A new query of the user, by the type of its update.
    fn new_query(&self, kind: &str) -> String {
        self.telegram.people().new_query(kind, self.id)
    }

    /// Asks the bot for shipping options, and adds the first one to the order.
    async fn ships(&self, hidden: &Value, order: &mut Value) -> Result<(), Error> {
        let address = json!({
            "country_code": "GB", "state": "", "city": "London", "street_line1": "St James's Square 12",
            "street_line2": "", "post_code": "SW1Y 4JH",
        });
        let id = self.new_query("shipping_query");
        let query = json!({
            "id": id, "from": self.value(), "invoice_payload": hidden["payload"], "shipping_address": address,
        });
        self.telegram.notify_bot("shipping_query", query).await?;
        let answer: AnswerShippingQuery = self.telegram.answered("shipping_query_id", &id).await?;
        let option = answer
            .shipping_options
            .unwrap_or_default()
            .into_iter()
            .next();
        let Some(option) = option.filter(|_| answer.ok) else {
            return Err(refused(answer.error_message.as_deref()));
        };
        let shipping: i64 = option.prices.iter().map(|price| price.amount).sum();
        let total = order["total_amount"].as_i64().unwrap_or_default();
        order["total_amount"] = total.saturating_add(shipping).into();
        order["shipping_option_id"] = option.id.as_str().into();
        order["order_info"] = json!({"shipping_address": address});
        Ok(())
    }

    /// Asks the bot to approve the order.
    async fn checks_out(&self, order: &Value) -> Result<(), Error> {
        let id = self.new_query("pre_checkout_query");
        let mut query = order.clone();
        query["id"] = id.as_str().into();
        query["from"] = self.value();
        self.telegram
            .notify_bot("pre_checkout_query", query)
            .await?;
        let argument = "pre_checkout_query_id";
        let answer: AnswerPreCheckoutQuery = self.telegram.answered(argument, &id).await?;
        if !answer.ok {
            return Err(refused(answer.error_message.as_deref()));
        }
        Ok(())
    }
}

/// The error for a refused payment.
fn refused(reason: Option<&str>) -> Error {
    Error::PaymentRefused {
        reason: reason.unwrap_or_default().to_owned(),
    }
}
