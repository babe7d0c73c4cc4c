"""The bot on aiogram: `python bot_aiogram.py`. Its port is on stdout; it ends with stdin."""

import asyncio
import os
import sys
import threading

from aiogram import Bot, Dispatcher, F
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

dispatcher = Dispatcher()


@dispatcher.message(F.text)
async def echo(message: Message):
    return message.answer(message.text)


def end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


async def main() -> None:
    threading.Thread(target=end_with_stdin, daemon=True).start()
    app = web.Application()
    bot = Bot(os.environ["BENCH_TOKEN"])
    secret = os.environ["BENCH_SECRET"]
    handler = SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token=secret)
    handler.register(app, "/bot")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
