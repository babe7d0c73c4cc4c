//! Keyboards, button by button and row by row.

use super::Str;
use crate::types::{
    InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup,
};

impl InlineKeyboardButton {
    /// The most bytes that a button's [`callback_data`](Self#structfield.callback_data) may have,
    /// in UTF-8. It has at least one.
    pub const MAX_CALLBACK_DATA: usize = 64;

    /// A button that, when pressed, sends `data` back to the bot in a callback query.
    ///
    /// The data may have 1 to [`MAX_CALLBACK_DATA`](Self::MAX_CALLBACK_DATA) bytes. The length isn't checked here: the
    /// server refuses a message with longer data, with code 400 and `BUTTON_DATA_INVALID`. For more data, store it in the
    /// bot, and put its key into the button.
    pub fn callback(text: impl Into<Str>, data: impl Into<Str>) -> Self {
        Self::new(text).callback_data(data)
    }

    /// A button that opens a link.
    ///
    /// The link isn't checked here; the server refuses one that it can't read.
    pub fn url_button(text: impl Into<Str>, url: impl Into<Str>) -> Self {
        Self::new(text).url(url)
    }
}

impl InlineKeyboardMarkup {
    /// A keyboard of these rows, top to bottom.
    ///
    /// [`with_row`](Self::with_row) is for rows that are given in different ways, such as arrays
    /// of different lengths.
    ///
    /// ```
    /// use tower_telegram::types::{InlineKeyboardButton as Button, InlineKeyboardMarkup};
    ///
    /// let digits = (1..=9).map(|n| Button::callback(n.to_string(), format!("digit:{n}")));
    /// let digits: Vec<_> = digits.collect();
    /// let keyboard = InlineKeyboardMarkup::rows(digits.chunks(3).map(|row| row.to_vec()))
    ///     .with_row([Button::url_button("Help", "https://example.org")]);
    /// assert_eq!(keyboard.inline_keyboard.len(), 4);
    /// ```
    pub fn rows<R>(rows: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator<Item = InlineKeyboardButton>,
    {
        Self::new(collect(rows))
    }

    /// A keyboard of a single row, left to right.
    ///
    /// ```
    /// use tower_telegram::types::{InlineKeyboardButton as Button, InlineKeyboardMarkup};
    ///
    /// let keyboard =
    ///     InlineKeyboardMarkup::row([Button::callback("Yes", "y"), Button::callback("No", "n")]);
    /// assert_eq!(keyboard.inline_keyboard[0][1].callback_data.as_deref(), Some("n"));
    /// ```
    pub fn row(buttons: impl IntoIterator<Item = InlineKeyboardButton>) -> Self {
        Self::rows([buttons])
    }

    /// The keyboard with one row more, at the bottom.
    pub fn with_row(mut self, buttons: impl IntoIterator<Item = InlineKeyboardButton>) -> Self {
        self.inline_keyboard.extend(collect([buttons]));
        self
    }
}

impl ReplyKeyboardMarkup {
    /// A keyboard of these rows, top to bottom. Text will do for a button that sends its text.
    ///
    /// [`with_row`](Self::with_row) is for rows that are given in different ways, such as arrays
    /// of different lengths.
    ///
    /// ```
    /// use tower_telegram::types::{KeyboardButton, ReplyKeyboardMarkup};
    ///
    /// let keyboard = ReplyKeyboardMarkup::rows([["Yes", "No"], ["Maybe", "Never"]])
    ///     .with_row([KeyboardButton::new("Here I am").request_location(true)])
    ///     .resize_keyboard(true);
    /// assert_eq!(keyboard.keyboard.len(), 3);
    /// assert_eq!(keyboard.keyboard[1][0].text, "Maybe");
    /// ```
    pub fn rows<R>(rows: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator<Item: Into<KeyboardButton>>,
    {
        Self::new(collect(rows))
    }

    /// A keyboard of a single row, left to right.
    pub fn row(buttons: impl IntoIterator<Item: Into<KeyboardButton>>) -> Self {
        Self::rows([buttons])
    }

    /// The keyboard with one row more, at the bottom.
    pub fn with_row(mut self, buttons: impl IntoIterator<Item: Into<KeyboardButton>>) -> Self {
        self.keyboard.extend(collect([buttons]));
        self
    }
}

fn collect<B, R>(rows: impl IntoIterator<Item = R>) -> Vec<Vec<B>>
where
    R: IntoIterator<Item: Into<B>>,
{
    rows.into_iter()
        .map(|row| row.into_iter().map(Into::into).collect())
        .collect()
}

/// A button that sends its text.
impl From<&str> for KeyboardButton {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A button that sends its text.
impl From<String> for KeyboardButton {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A button that sends its text.
impl From<Str> for KeyboardButton {
    fn from(text: Str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_say_what_they_do() {
        let keyboard = InlineKeyboardMarkup::row([
            InlineKeyboardButton::callback("Yes", "y"),
            InlineKeyboardButton::url_button("More", "https://example.org"),
        ]);
        assert_eq!(
            serde_json::to_string(&keyboard).unwrap(),
            r#"{"inline_keyboard":[[{"text":"Yes","callback_data":"y"},{"text":"More","url":"https://example.org"}]]}"#
        );
    }

    #[test]
    fn rows_come_in_the_order_in_which_they_were_given() {
        let button = |text: &str| InlineKeyboardButton::callback(text, text);
        let at_once =
            InlineKeyboardMarkup::rows([vec![button("a"), button("b")], vec![], vec![button("c")]]);
        let one_by_one = InlineKeyboardMarkup::row([button("a"), button("b")])
            .with_row([])
            .with_row([button("c")]);
        assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn text_will_do_for_a_reply_button() {
        let keyboard = ReplyKeyboardMarkup::rows([["a", "b"]])
            .with_row([String::from("c")])
            .with_row([Str::from("d"), Str::from("e")])
            .with_row([KeyboardButton::new("f").request_contact(true)]);
        assert_eq!(
            serde_json::to_string(&keyboard).unwrap(),
            r#"{"keyboard":[[{"text":"a"},{"text":"b"}],[{"text":"c"}],[{"text":"d"},{"text":"e"}],[{"text":"f","request_contact":true}]]}"#
        );
        assert_eq!(ReplyKeyboardMarkup::row(["a"]).keyboard.len(), 1);
    }
}
