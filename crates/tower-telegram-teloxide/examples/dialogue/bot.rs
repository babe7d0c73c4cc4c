//! A bot that reserves a table, written for teloxide: a dialogue of three questions.

use std::error::Error;

use teloxide::{
    dispatching::{UpdateHandler, dialogue::InMemStorage},
    prelude::*,
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
type Reservation = Dialogue<Step, InMemStorage<Step>>;

#[derive(Clone, Default)]
pub(crate) enum Step {
    #[default]
    Start,
    Guests,
    Hour {
        guests: u8,
    },
}

pub(crate) fn tree() -> UpdateHandler<BoxError> {
    Update::filter_message()
        .enter_dialogue::<Message, InMemStorage<Step>, Step>()
        .branch(dptree::case![Step::Start].endpoint(start))
        .branch(dptree::case![Step::Guests].endpoint(guests))
        .branch(dptree::case![Step::Hour { guests }].endpoint(hour))
}

async fn start(bot: Bot, reservation: Reservation, message: Message) -> Result<(), BoxError> {
    bot.send_message(message.chat.id, "A table for how many?")
        .await?;
    reservation.update(Step::Guests).await?;
    Ok(())
}

async fn guests(bot: Bot, reservation: Reservation, message: Message) -> Result<(), BoxError> {
    let Some(Ok(guests)) = message.text().map(str::parse) else {
        bot.send_message(message.chat.id, "Please send a number.")
            .await?;
        return Ok(());
    };
    bot.send_message(message.chat.id, "At which hour?").await?;
    reservation.update(Step::Hour { guests }).await?;
    Ok(())
}

async fn hour(
    bot: Bot,
    reservation: Reservation,
    guests: u8,
    message: Message,
) -> Result<(), BoxError> {
    let hour = message.text().unwrap_or("any time");
    let text = format!("A table for {guests} at {hour}. See you!");
    bot.send_message(message.chat.id, text).await?;
    reservation.exit().await?;
    Ok(())
}
