// An echo bot on grammY: `node bot_grammy.mjs webhook` or `node bot_grammy.mjs polling`.
// By webhook its echo is in the response.

import { createServer } from "node:http";
import { createRequire } from "node:module";

// Its packages are in the folder that the environment names, not beside this file.
const require = createRequire(`${process.env.NODE_PACKAGES}/`);
const { Bot, InputFile, webhookCallback } = require("grammy");

const SECRET = "only-for-the-test";

const bot = new Bot(process.env.TELEGRAM_BOT_TOKEN, {
  client: {
    apiRoot: process.env.TELEGRAM_API_URL,
    canUseWebhookReply: (method) => method === "sendMessage",
  },
});
bot.command("photo", (ctx) =>
  ctx.replyWithPhoto(new InputFile(new TextEncoder().encode("bytes"), "a.png"), { caption: "from grammY" }));
bot.on("message:text", (ctx) => ctx.reply(ctx.message.text));
bot.on("callback_query:data", (ctx) => ctx.answerCallbackQuery(`pressed ${ctx.callbackQuery.data}`));

if (process.argv[2] === "webhook") {
  const server = createServer(webhookCallback(bot, "http", { secretToken: SECRET }));
  server.listen(0, "127.0.0.1", () =>
    bot.api.setWebhook(`http://127.0.0.1:${server.address().port}/bot`, { secret_token: SECRET }));
} else {
  bot.start();
}
