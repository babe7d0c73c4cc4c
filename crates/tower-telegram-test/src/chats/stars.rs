//! The bot's Stars: payments, balance and refunds.

use serde_json::{Map, Value, json};

use super::{
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};

/// How many transactions `getStarTransactions` returns at most.
const MOST: i64 = 100;

impl People {
    /// Records a user's payment, if it was in Stars.
    pub(crate) fn record_payment(&mut self, user_id: i64, payment: &Value) {
        if payment["currency"] != "XTR" {
            return;
        }
        let partner = json!({
            "type": "user", "transaction_type": "invoice_payment", "user": self.user(user_id),
            "invoice_payload": payment["invoice_payload"],
        });
        self.stars.push(json!({
            "id": payment["telegram_payment_charge_id"], "amount": payment["total_amount"],
            "date": self.clock.unix(), "source": partner,
        }));
    }

    /// Executes `getStarTransactions` and the other methods for Stars.
    pub(super) fn stars(&mut self, r: &MethodCall<'_>) -> MethodResult {
        match r.method.name {
            "getMyStarBalance" => Ok(json!({"amount": self.balance()})),
            "refundStarPayment" => self.refund(r),
            _ => self.transactions(r),
        }
    }

    /// The transactions, oldest first.
    fn transactions(&self, r: &MethodCall<'_>) -> MethodResult {
        let limit = r.integer("limit").unwrap_or(MOST);
        if !(1..=MOST).contains(&limit) {
            return Err(bad("LIMIT_INVALID"));
        }
        let offset = usize::try_from(r.integer("offset").unwrap_or(0)).unwrap_or(0);
        let limit = usize::try_from(limit).unwrap_or(0);
        let some: Vec<_> = self.stars.iter().skip(offset).take(limit).collect();
        Ok(json!({"transactions": some}))
    }

    /// The sum of all payments and refunds.
    fn balance(&self) -> i64 {
        let amounts = self.stars.iter().map(|transaction| {
            let amount = transaction["amount"].as_i64().unwrap_or_default();
            let is_ours = transaction["source"].is_object();
            if is_ours { amount } else { -amount }
        });
        amounts.sum()
    }

    /// Refunds a payment, with a message in the private chat.
    fn refund(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = r.text("telegram_payment_charge_id");
        let user_id = r.integer("user_id").unwrap_or_default();
        let is_it = |transaction: &&Value, side: &str| {
            transaction["id"] == id && transaction[side]["user"]["id"] == user_id
        };
        let paid = self.stars.iter().find(|paid| is_it(paid, "source"));
        let Some(paid) = paid.cloned() else {
            // In a test without users, any payment may have happened.
            let is_fine = !self.is_strict();
            return is_fine
                .then(|| true.into())
                .ok_or_else(|| bad("CHARGE_NOT_FOUND"));
        };
        if self.stars.iter().any(|back| is_it(&back, "receiver")) {
            return Err(bad("CHARGE_ALREADY_REFUNDED"));
        }
        let amount = &paid["amount"];
        if self.balance() < amount.as_i64().unwrap_or_default() {
            return Err(bad("BALANCE_TOO_LOW"));
        }
        let refunded = json!({
            "currency": "XTR", "total_amount": amount, "telegram_payment_charge_id": id,
            "invoice_payload": paid["source"]["invoice_payload"],
        });
        self.stars.push(json!({
            "id": id, "amount": amount, "date": self.clock.unix(), "receiver": paid["source"],
        }));
        let bot = self.bot.clone();
        let service = Map::from_iter([("refunded_payment".to_owned(), refunded)]);
        self.post(user_id, &bot, service);
        Ok(true.into())
    }
}
