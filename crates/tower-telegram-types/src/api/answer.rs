//! Answers to queries, made from the query.

use super::Str;
use crate::{
    methods::{
        AnswerCallbackQuery, AnswerInlineQuery, AnswerPreCheckoutQuery, AnswerShippingQuery,
    },
    types::{
        CallbackQuery, InlineQuery, InlineQueryResult, PreCheckoutQuery, ShippingOption,
        ShippingQuery,
    },
};

impl CallbackQuery {
    /// The answer that ends the progress which the app shows. [`text`](AnswerCallbackQuery::text) and
    /// [`show_alert`](AnswerCallbackQuery::show_alert) say something to the user.
    ///
    /// ```
    /// use tower_telegram::types::CallbackQuery;
    ///
    /// let query: CallbackQuery = serde_json::from_str(
    ///     r#"{"id": "9", "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
    ///         "chat_instance": "1", "data": "vote:7"}"#,
    /// )?;
    /// let answer = query.answer().text("Thank you");
    /// assert_eq!(
    ///     serde_json::to_string(&answer)?,
    ///     r#"{"callback_query_id":"9","text":"Thank you"}"#,
    /// );
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn answer(&self) -> AnswerCallbackQuery {
        AnswerCallbackQuery::new(self.id.clone())
    }
}

impl InlineQuery {
    /// The answer with these results: at most 50.
    ///
    /// ```
    /// use tower_telegram::types::{InlineQuery, InlineQueryResultArticle, InputTextMessageContent};
    ///
    /// let query: InlineQuery = serde_json::from_str(
    ///     r#"{"id": "9", "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
    ///         "query": "hi", "offset": ""}"#,
    /// )?;
    /// let content = InputTextMessageContent::new("Hello!");
    /// let answer = query.answer([InlineQueryResultArticle::new("1", "Greeting", content)]);
    /// assert_eq!((&*answer.inline_query_id, answer.results.len()), ("9", 1));
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn answer(
        &self,
        results: impl IntoIterator<Item: Into<InlineQueryResult>>,
    ) -> AnswerInlineQuery {
        AnswerInlineQuery::new(self.id.clone(), results)
    }
}

impl PreCheckoutQuery {
    /// The answer that lets the payment go on. Telegram must have it within 10 seconds.
    ///
    /// ```
    /// # let query: tower_telegram::types::PreCheckoutQuery = serde_json::from_str(
    /// #     r#"{"id": "9", "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
    /// #         "currency": "XTR", "total_amount": 5, "invoice_payload": "book"}"#,
    /// # )?;
    /// let is_in_stock = false;
    /// let answer = match is_in_stock {
    ///     true => query.approve(),
    ///     false => query.reject("The book is sold out."),
    /// };
    /// assert!(!answer.ok);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn approve(&self) -> AnswerPreCheckoutQuery {
        AnswerPreCheckoutQuery::new(self.id.clone(), true)
    }

    /// The answer that stops the payment, with the reason for the buyer to read.
    pub fn reject(&self, reason: impl Into<Str>) -> AnswerPreCheckoutQuery {
        AnswerPreCheckoutQuery::new(self.id.clone(), false).error_message(reason)
    }
}

impl ShippingQuery {
    /// The answer with the ways of delivery that the buyer can choose from.
    ///
    /// ```
    /// # let query: tower_telegram::types::ShippingQuery = serde_json::from_str(
    /// #     r#"{"id": "9", "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
    /// #         "invoice_payload": "book", "shipping_address": {"country_code": "DE", "state": "",
    /// #         "city": "Ulm", "street_line1": "", "street_line2": "", "post_code": ""}}"#,
    /// # )?;
    /// use tower_telegram::types::{LabeledPrice, ShippingOption};
    ///
    /// let by_post = ShippingOption::new("post", "By post", [LabeledPrice::new("Parcel", 490)]);
    /// let answer = query.answer([by_post]);
    /// assert!(answer.ok);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn answer(&self, options: impl Into<Vec<ShippingOption>>) -> AnswerShippingQuery {
        AnswerShippingQuery::new(self.id.clone(), true).shipping_options(options)
    }

    /// The answer that nothing can be delivered there, with the reason for the buyer to read.
    pub fn reject(&self, reason: impl Into<Str>) -> AnswerShippingQuery {
        AnswerShippingQuery::new(self.id.clone(), false).error_message(reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_core::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::{
        methods::{AnswerInlineQuery, SendPaidMedia, SetMessageReaction},
        types::{
            CallbackQuery, InlineQuery, InlineQueryResult, InlineQueryResultArticle,
            InlineQueryResultPhoto, InputPaidMediaPhoto, InputTextMessageContent, PreCheckoutQuery,
            ReactionTypeEmoji, ShippingQuery,
        },
    };

    /// A query with what each of the four kinds requires.
    fn query<T: DeserializeOwned>() -> T {
        let address = json!({"country_code": "DE", "state": "", "city": "Ulm", "street_line1": "",
            "street_line2": "", "post_code": ""});
        let json = json!({"id": "9", "from": {"id": 42, "is_bot": false, "first_name": "Ada"},
            "chat_instance": "1", "query": "", "offset": "", "currency": "XTR", "total_amount": 5,
            "invoice_payload": "book", "shipping_address": address});
        serde_json::from_value(json).unwrap()
    }

    fn json(method: impl serde_core::Serialize) -> Value {
        serde_json::to_value(method).unwrap()
    }

    fn article() -> InlineQueryResultArticle {
        InlineQueryResultArticle::new("1", "a", InputTextMessageContent::new("b"))
    }

    #[test]
    fn each_query_makes_its_answer() {
        let callback: CallbackQuery = query();
        assert_eq!(json(callback.answer()), json!({"callback_query_id": "9"}));
        let inline: InlineQuery = query();
        let answer = json(inline.answer([article()]));
        assert_eq!(answer["inline_query_id"], "9");
        assert_eq!(answer["results"][0]["type"], "article");
        let checkout: PreCheckoutQuery = query();
        let agreed = json!({"pre_checkout_query_id": "9", "ok": true});
        assert_eq!(json(checkout.approve()), agreed);
        let refused = json!({"pre_checkout_query_id": "9", "ok": false, "error_message": "no"});
        assert_eq!(json(checkout.reject("no")), refused);
        let shipping: ShippingQuery = query();
        let agreed = json!({"shipping_query_id": "9", "ok": true, "shipping_options": []});
        assert_eq!(json(shipping.answer([])), agreed);
        let refused = json!({"shipping_query_id": "9", "ok": false, "error_message": "no"});
        assert_eq!(json(shipping.reject("no")), refused);
    }

    #[test]
    fn a_list_of_several_types_takes_elements_of_one_of_them() {
        let mixed = [
            InlineQueryResult::from(article()),
            InlineQueryResultPhoto::new("2", "https://a/b.jpg", "https://a/b.jpg").into(),
        ];
        for answer in [
            AnswerInlineQuery::new("9", [article()]),
            AnswerInlineQuery::new("9", vec![article()]),
            AnswerInlineQuery::new("9", Some(article())),
        ] {
            assert_eq!(answer.results, [InlineQueryResult::from(article())]);
        }
        assert_eq!(AnswerInlineQuery::new("9", mixed).results.len(), 2);

        let paid = SendPaidMedia::new(42, 5, [InputPaidMediaPhoto::new("file")]);
        assert_eq!(json(paid)["media"][0]["type"], "photo");
        let reaction = SetMessageReaction::new(42, 7).reaction([ReactionTypeEmoji::new("👍")]);
        assert_eq!(json(reaction)["reaction"][0]["emoji"], "👍");
    }
}
