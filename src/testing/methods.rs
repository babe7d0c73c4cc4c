//! What each method answers if the test hasn't said otherwise.

use serde_json::{Value, json};

use super::{answer::Answer, args::Args, message, state::State};

/// Methods that return a message.
const SEND: &str = "sendmessage sendphoto sendlivephoto sendaudio senddocument sendvideo sendanimation sendvoice \
    sendvideonote sendpaidmedia sendlocation sendvenue sendcontact sendpoll sendchecklist senddice \
    sendsticker sendrichmessage sendinvoice sendgame";

/// Methods that return the edited message.
const EDIT: &str = "editmessagetext editmessagecaption editmessagemedia editmessagelivelocation stopmessagelivelocation \
    editmessagechecklist editmessagereplymarkup setgamescore";

/// Methods that return `true`.
const TRUE: &str = "logout close sendmessagedraft sendchataction setmessagereaction setuseremojistatus banchatmember \
    unbanchatmember restrictchatmember promotechatmember setchatadministratorcustomtitle setchatmembertag \
    banchatsenderchat unbanchatsenderchat setchatpermissions approvechatjoinrequest declinechatjoinrequest \
    answerchatjoinrequestquery sendchatjoinrequestwebapp setchatphoto deletechatphoto setchattitle \
    setchatdescription pinchatmessage unpinchatmessage unpinallchatmessages leavechat setchatstickerset \
    deletechatstickerset editforumtopic closeforumtopic reopenforumtopic deleteforumtopic \
    unpinallforumtopicmessages editgeneralforumtopic closegeneralforumtopic reopengeneralforumtopic \
    hidegeneralforumtopic unhidegeneralforumtopic unpinallgeneralforumtopicmessages answercallbackquery \
    setmanagedbotaccesssettings setmycommands deletemycommands setmyname setmydescription \
    setmyshortdescription setmyprofilephoto removemyprofilephoto setchatmenubutton \
    setmydefaultadministratorrights sendgift giftpremiumsubscription verifyuser verifychat \
    removeuserverification removechatverification readbusinessmessage deletebusinessmessages \
    setbusinessaccountname setbusinessaccountusername setbusinessaccountbio setbusinessaccountprofilephoto \
    removebusinessaccountprofilephoto setbusinessaccountgiftsettings transferbusinessaccountstars \
    convertgifttostars upgradegift transfergift deletestory editephemeralmessagetext \
    editephemeralmessagemedia editephemeralmessagecaption editephemeralmessagereplymarkup \
    approvesuggestedpost declinesuggestedpost deletemessage deletemessages deleteephemeralmessage \
    deletemessagereaction deleteallmessagereactions createnewstickerset addstickertoset \
    setstickerpositioninset deletestickerfromset replacestickerinset setstickeremojilist setstickerkeywords \
    setstickermaskposition setstickersettitle setstickersetthumbnail setcustomemojistickersetthumbnail \
    deletestickerset sendrichmessagedraft answerinlinequery answershippingquery answerprecheckoutquery \
    refundstarpayment edituserstarsubscription setpassportdataerrors";

/// Methods that exist, but need an answer from the test.
const OTHER: &str = "getuserprofileaudios answerguestquery getuserchatboosts getbusinessconnection getmanagedbottoken \
    replacemanagedbottoken getmanagedbotaccesssettings getmydefaultadministratorrights getavailablegifts \
    getbusinessaccountgifts getusergifts getchatgifts poststory repoststory editstory \
    savepreparedinlinemessage savepreparedkeyboardbutton getstickerset";

/// Answers a call of that method, whose name may be in any case.
pub(super) fn answer(state: &State, method: &str, args: &Args) -> Answer {
    let name = method.to_ascii_lowercase();
    let is_in = |names: &str| names.split(' ').any(|known| known == name);
    if is_in(TRUE) {
        return Answer::ok(true);
    }
    let result = match name.as_str() {
        "setwebhook" => return state.webhook.set(args, false),
        "deletewebhook" => return state.webhook.delete(args),
        "getwebhookinfo" => return state.webhook.info(),
        _ if is_in(SEND) || name == "forwardmessage" => message::sent(state, &name, args),
        _ if is_in(EDIT) => message::edited(state, args),
        "sendmediagroup" => message::album(state, args),
        "copymessage" => message::chat(args).map(|_| message_id(state)),
        "copymessages" | "forwardmessages" => message::chat(args).map(|_| message_ids(state, args)),
        _ => match get(state, &name, args) {
            Some(result) => result,
            None if is_in(OTHER) => {
                let text = format!(
                    "Bad Request: the test server has no answer to {method}, give it one with Telegram::answer"
                );
                return Answer::error(400, text);
            }
            None => return Answer::error(404, "Not Found: method not found"),
        },
    };
    result.map_or_else(|error| error, Answer::ok)
}

/// Methods that read or make something; `None` for others.
fn get(state: &State, name: &str, args: &Args) -> Option<Result<Value, Answer>> {
    Some(Ok(match name {
        "getme" => me(state),
        "getfile" => return Some(file(state, args)),
        "uploadstickerfile" => message::file(state, ""),
        "getchat" => return Some(message::chat(args).map(full_chat)),
        "getchatmember" => {
            let user = json!({"id": message::integer(args, "user_id").unwrap_or_default(), "is_bot": false, "first_name": "Ada"});
            return Some(message::chat(args).map(|_| json!({"status": "member", "user": user})));
        }
        "getchatmembercount" => return Some(message::chat(args).map(|_| json!(2))),
        "getchatadministrators"
        | "getmycommands"
        | "getforumtopiciconstickers"
        | "getcustomemojistickers"
        | "getgamehighscores"
        | "getuserpersonalchatmessages" => json!([]),
        "getmyname" => json!({"name": "Test bot"}),
        "getmydescription" => json!({"description": ""}),
        "getmyshortdescription" => json!({"short_description": ""}),
        "getchatmenubutton" => json!({"type": "commands"}),
        "getmystarbalance" | "getbusinessaccountstarbalance" => json!({"amount": 0}),
        "getuserprofilephotos" => json!({"total_count": 0, "photos": []}),
        "getstartransactions" => json!({"transactions": []}),
        "stoppoll" => message::poll(state, args),
        "answerwebappquery" => json!({}),
        "exportchatinvitelink" => "https://t.me/+test".into(),
        "createinvoicelink" => "https://t.me/$test".into(),
        "createchatinvitelink"
        | "editchatinvitelink"
        | "createchatsubscriptioninvitelink"
        | "editchatsubscriptioninvitelink"
        | "revokechatinvitelink" => json!({
            "invite_link": "https://t.me/+test", "creator": message::bot(state), "creates_join_request": false,
            "is_primary": false, "is_revoked": name == "revokechatinvitelink",
        }),
        "createforumtopic" => json!({
            "message_thread_id": state.next_message_id(), "name": args.text("name"), "icon_color": 7_322_096,
        }),
        _ => return None,
    }))
}

fn me(state: &State) -> Value {
    let mut me = message::bot(state);
    for (name, is_on) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", false),
        ("supports_guest_queries", false),
        ("supports_inline_queries", true),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
        ("has_topics_enabled", false),
        ("allows_users_to_create_topics", false),
        ("can_manage_bots", false),
        ("supports_join_request_queries", false),
    ] {
        me[name] = is_on.into();
    }
    me
}

/// A file that a test has added, or else one that could be.
fn file(state: &State, args: &Args) -> Result<Value, Answer> {
    let id = args.text("file_id");
    if id.is_empty() {
        return Err(Answer::error(400, "Bad Request: invalid file_id"));
    }
    if let Some(file) = state.files.describe(&id) {
        return Ok(file);
    }
    Ok(
        json!({"file_unique_id": format!("unique-{id}"), "file_path": format!("documents/{id}"), "file_size": 1024, "file_id": id}),
    )
}

fn full_chat(mut chat: Value) -> Value {
    chat["accent_color_id"] = json!(0);
    chat["max_reaction_count"] = json!(11);
    let gifts = [
        "unlimited_gifts",
        "limited_gifts",
        "unique_gifts",
        "premium_subscription",
        "gifts_from_channels",
    ];
    chat["accepted_gift_types"] = gifts.iter().map(|&name| (name, true)).collect();
    chat
}

fn message_id(state: &State) -> Value {
    json!({"message_id": state.next_message_id()})
}

fn message_ids(state: &State, args: &Args) -> Value {
    let ids = message::json_of(args, "message_ids").unwrap_or_default();
    ids.as_array()
        .into_iter()
        .flatten()
        .map(|_| message_id(state))
        .collect()
}
