// The bot on grammY: `node bot_grammy.mjs`. Its port is on stdout; it ends with stdin.

import { createServer } from "node:http";
import { createRequire } from "node:module";

// Its packages are in the folder that the environment names, not beside this file.
const require = createRequire(`${process.env.NODE_PACKAGES}/`);
const { Bot, webhookCallback } = require("grammy");

const bot = new Bot(process.env.BENCH_TOKEN, {
  client: { canUseWebhookReply: (method) => method === "sendMessage" },
  // What it would ask Telegram for.
  botInfo: { id: 123456789, is_bot: true, first_name: "Echo", username: "echo_bot" },
});
bot.on("message:text", (ctx) => ctx.reply(ctx.message.text));

const server = createServer(webhookCallback(bot, "http", { secretToken: process.env.BENCH_SECRET }));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
