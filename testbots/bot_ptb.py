"""An echo bot on python-telegram-bot: `bot_ptb.py webhook` or `bot_ptb.py polling`."""

import os
import socket
import sys

from telegram import Update
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

SECRET = "only-for-the-test"


async def photo(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_photo(b"bytes", caption="from python-telegram-bot")


async def echo(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(update.message.text)


async def press(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    await update.callback_query.answer(f"pressed {update.callback_query.data}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


url = os.environ["TELEGRAM_API_URL"]
app = (
    Application.builder()
    .token(os.environ["TELEGRAM_BOT_TOKEN"])
    .base_url(f"{url}/bot")
    .base_file_url(f"{url}/file/bot")
    .build()
)
app.add_handler(CommandHandler("photo", photo))
app.add_handler(MessageHandler(filters.TEXT, echo))
app.add_handler(CallbackQueryHandler(press))

if sys.argv[1] == "webhook":
    port = free_port()
    app.run_webhook(
        "127.0.0.1",
        port,
        "bot",
        webhook_url=f"http://127.0.0.1:{port}/bot",
        secret_token=SECRET,
    )
else:
    app.run_polling()
