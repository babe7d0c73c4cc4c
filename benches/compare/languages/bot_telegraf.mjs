// The bot on Telegraf: `node bot_telegraf.mjs`. Its port is on stdout; it ends with stdin.

import { createServer } from "node:http";
import { createRequire } from "node:module";

// Its packages are in the folder that the environment names, not beside this file.
const require = createRequire(`${process.env.NODE_PACKAGES}/`);
const { Telegraf } = require("telegraf");

const bot = new Telegraf(process.env.BENCH_TOKEN, { telegram: { webhookReply: true } });
// What it would ask Telegram for.
bot.botInfo = { id: 123456789, is_bot: true, first_name: "Echo", username: "echo_bot" };
// Of what it answers a webhook with, as it calls Telegram for sendMessage.
bot.on("text", (ctx) => ctx.sendChatAction("typing"));

const server = createServer(bot.webhookCallback("/bot", { secretToken: process.env.BENCH_SECRET }));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
