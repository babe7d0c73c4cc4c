"""An echo bot on aiogram: `bot_aiogram.py webhook` or `bot_aiogram.py polling`.

Its handler returns the echo, which becomes the webhook response or a call.
"""

import asyncio
import os
import sys

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command
from aiogram.types import BufferedInputFile, CallbackQuery, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

SECRET = "only-for-the-test"

dispatcher = Dispatcher()


@dispatcher.message(Command("photo"))
async def photo(message: Message) -> None:
    await message.answer_photo(BufferedInputFile(b"bytes", "a.png"), caption="from aiogram")


@dispatcher.message(F.text)
async def echo(message: Message):
    return message.answer(message.text)


@dispatcher.callback_query()
async def press(query: CallbackQuery) -> None:
    await query.answer(f"pressed {query.data}")


async def webhook(bot: Bot) -> None:
    app = web.Application()
    handler = SimpleRequestHandler(
        dispatcher, bot, handle_in_background=False, secret_token=SECRET
    )
    handler.register(app, "/bot")
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    await bot.set_webhook(f"http://{host}:{port}/bot", secret_token=SECRET)
    await asyncio.Event().wait()


async def main() -> None:
    server = TelegramAPIServer.from_base(os.environ["TELEGRAM_API_URL"])
    bot = Bot(os.environ["TELEGRAM_BOT_TOKEN"], AiohttpSession(api=server))
    if sys.argv[1] == "webhook":
        await webhook(bot)
    else:
        await dispatcher.start_polling(bot)


asyncio.run(main())
