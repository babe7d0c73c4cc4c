#!/usr/bin/env python3
"""Writes the corpus: bodies as Telegram's server sends them (update_id first, `,\\n`, everything that
isn't ASCII escaped in lower-case hex), with invented people. Run it in this folder; it is the same
every time."""

import json
import random

rng = random.Random(103)
WORDS = ("the a bot is not there yet and we will see what comes of it when all of them have gone home "
         "because nobody had thought about time tables trains weather bread water numbers").split()
CYRILLIC = "мы увидим что из этого выйдет когда все разойдутся по домам".split()


def text(length, words=WORDS):
    out = ""
    while len(out) < length:
        out += rng.choice(words) + " "
    return out[:length].rstrip()


def file_id():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "AgACAgIAAxkBAA" + "".join(rng.choice(letters) for _ in range(58))


def unique():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "AQAD" + "".join(rng.choice(letters) for _ in range(11)) + "Q"


def user(number=7001, name="Ada", last="Lovelace", username="ada", **more):
    return {"id": number, "is_bot": False, "first_name": name, "last_name": last, "username": username,
            "language_code": "en", **more}


BOT = {"id": 123456789, "is_bot": True, "first_name": "Echo", "username": "echo_bot"}
PRIVATE = {"id": 7001, "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "type": "private"}
GROUP = {"id": -1001234567890, "title": "Tables and trains", "username": "tables", "type": "supergroup"}
CHANNEL = {"id": -1009876543210, "title": "News of bread", "username": "bread_news", "type": "channel"}
DATE = 1763650000


def message(chat=PRIVATE, sender=None, number=812, **more):
    head = {"message_id": number}
    if chat["type"] != "channel":
        head["from"] = sender or user()
    return {**head, "chat": chat, "date": DATE, **more}


def photo(sizes=((90, 67, 1300), (320, 240, 18000), (800, 600, 76000), (1280, 960, 140000))):
    same = unique()
    return [{"file_id": file_id(), "file_unique_id": same[:-1] + "ABCD"[i], "file_size": size, "width": w, "height": h}
            for i, (w, h, size) in enumerate(sizes)]


def thumbnail():
    return {"file_id": file_id(), "file_unique_id": unique(), "file_size": 12000, "width": 320, "height": 180}


def keyboard(rows, columns, data=40):
    return {"inline_keyboard": [[{"text": text(12), "callback_data": text(data).replace(" ", "_")} for _ in range(columns)]
                                for _ in range(rows)]}


def entities(count, span=20):
    kinds = ("bold", "italic", "url", "mention", "code", "hashtag", "underline", "spoiler")
    return [{"offset": span * i, "length": 8, "type": kinds[i % len(kinds)]} for i in range(count)]


def poll():
    return {"id": "5204129012345678901", "question": text(60),
            "options": [{"persistent_id": str(i), "text": text(20), "voter_count": i} for i in range(6)], "total_voter_count": 15,
            "is_closed": False, "is_anonymous": False, "type": "regular", "allows_multiple_answers": True,
            "allows_revoting": True, "members_only": False}


RIGHTS = {key: True for key in (
    "can_be_edited", "can_manage_chat", "can_change_info", "can_delete_messages", "can_invite_users",
    "can_restrict_members", "can_pin_messages", "can_promote_members", "can_manage_video_chats", "can_post_stories",
    "can_edit_stories", "can_delete_stories", "is_anonymous", "can_manage_voice_chats", "can_manage_topics",
    "can_send_welcome_messages")}

BODIES = {
    "text_plain": {"message": message(text="What time does the last train leave?")},
    "text_command": {"message": message(text="/start invite_4711", entities=[{"offset": 0, "length": 6, "type": "bot_command"}])},
    "text_cyrillic": {"message": message(text=text(160, CYRILLIC))},
    "text_emoji": {"message": message(text=" ".join("🚆🍞🌧️👋🏽"[i % 4] + " " + text(12) for i in range(12)))},
    "text_entities": {"message": message(text=text(600), entities=entities(24))},
    "text_4096": {"message": message(text=text(4096), entities=entities(60, 60))},
    "text_group": {"message": message(GROUP, text=text(90))},
    "text_topic": {"message": message(GROUP, message_thread_id=55, is_topic_message=True, text=text(70))},
    "text_link": {"message": message(text="see https://example.org/tables", entities=[{"offset": 4, "length": 26, "type": "url"}],
                                     link_preview_options={"url": "https://example.org/tables", "prefer_small_media": True})},
    "reply": {"message": message(GROUP, text=text(50), reply_to_message=message(
        GROUP, user(7002, "Charles", "Babbage", "charles"), 801, text=text(300), entities=entities(6)))},
    "reply_photo": {"message": message(GROUP, text=text(40), reply_to_message=message(
        GROUP, user(7003, "Grace", "Hopper", "grace"), 802, photo=photo(), caption=text(120)))},
    "forward": {"message": message(forward_origin={"type": "channel", "chat": CHANNEL, "message_id": 99, "date": DATE - 4000},
                                   forward_from_chat=CHANNEL, forward_from_message_id=99, forward_date=DATE - 4000, text=text(700))},
    "photo": {"message": message(photo=photo(), caption=text(100))},
    "video": {"message": message(video={"duration": 62, "width": 1280, "height": 720, "file_name": "train.mp4", "mime_type": "video/mp4",
                                        "thumbnail": thumbnail(), "thumb": thumbnail(), "file_id": file_id(),
                                        "file_unique_id": unique(), "file_size": 9123456})},
    "document": {"message": message(document={"file_name": "time table.pdf", "mime_type": "application/pdf", "thumbnail": thumbnail(),
                                              "file_id": file_id(), "file_unique_id": unique(), "file_size": 283745})},
    "sticker": {"message": message(sticker={"width": 512, "height": 512, "emoji": "👋", "set_name": "Trains", "is_animated": False,
                                            "is_video": True, "type": "regular", "thumbnail": thumbnail(), "thumb": thumbnail(),
                                            "file_id": file_id(), "file_unique_id": unique(), "file_size": 88123})},
    "voice": {"message": message(voice={"duration": 7, "mime_type": "audio/ogg", "file_id": file_id(), "file_unique_id": unique(), "file_size": 30211})},
    "location": {"message": message(location={"latitude": 51.500729, "longitude": -0.124625})},
    "contact": {"message": message(contact={"phone_number": "+441632960961", "first_name": "Charles", "user_id": 7002})},
    "poll_message": {"message": message(GROUP, poll=poll())},
    "new_members": {"message": message(GROUP, new_chat_participant=user(7004, "Alan", "Turing", "alan"), new_chat_member=user(7004, "Alan", "Turing", "alan"),
                                       new_chat_members=[user(7004 + i, "Alan", "Turing", "alan%d" % i) for i in range(8)])},
    "payment": {"message": message(successful_payment={"currency": "XTR", "total_amount": 250, "invoice_payload": "ticket-4711",
                                                       "telegram_payment_charge_id": "stx" + file_id(), "provider_payment_charge_id": "7001_0"})},
    "edited": {"edited_message": message(GROUP, edit_date=DATE + 30, text=text(200), entities=entities(4))},
    "channel_post": {"channel_post": message(CHANNEL, sender_chat=CHANNEL, author_signature="Ada", text=text(900), entities=entities(20))},
    "callback": {"callback_query": {"id": "30070012345678901", "from": user(), "message": message(
        sender=BOT, number=811, text=text(80), reply_markup=keyboard(4, 3)), "chat_instance": "-4412345678901234567", "data": "buy_ticket_4711"}},
    "callback_calendar": {"callback_query": {"id": "30070012345678902", "from": user(), "message": message(
        sender=BOT, number=813, text=text(300), entities=entities(12), reply_markup=keyboard(8, 7, 24)), "chat_instance": "-4412345678901234567", "data": "day_2026_11_21"}},
    "keyboard_30k": {"callback_query": {"id": "30070012345678903", "from": user(), "message": message(
        sender=BOT, number=814, text=text(3000), entities=entities(60, 40), reply_markup=keyboard(50, 5, 60)),
        "chat_instance": "-4412345678901234567", "data": "page_17"}},
    "inline_query": {"inline_query": {"id": "30070012345678904", "from": user(), "chat_type": "sender", "query": "trains to bread", "offset": ""}},
    "chat_member": {"chat_member": {"chat": GROUP, "from": user(), "date": DATE,
                                    "old_chat_member": {"user": user(7002, "Charles", "Babbage", "charles"), "status": "member"},
                                    "new_chat_member": {"user": user(7002, "Charles", "Babbage", "charles"), "status": "administrator", **RIGHTS}}},
    "join_request": {"chat_join_request": {"chat": GROUP, "from": user(), "user_chat_id": 7001, "date": DATE, "bio": text(60)}},
    "reaction": {"message_reaction": {"chat": GROUP, "message_id": 812, "user": user(), "date": DATE, "old_reaction": [],
                                      "new_reaction": [{"type": "emoji", "emoji": "🔥"}]}},
    "poll_answer": {"poll_answer": {"poll_id": "5204129012345678901", "user": user(), "option_ids": [1, 3],
                                    "option_persistent_ids": ["1", "3"]}},
}


def dump(value):
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


for count, (name, body) in enumerate(BODIES.items()):
    (kind, payload), = body.items()
    with open(name + ".json", "w", encoding="ascii", newline="") as out:
        out.write('{"update_id":%d,\n"%s":%s}' % (10000 + count, kind, dump(payload)))
