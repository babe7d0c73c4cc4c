//! teloxide's methods, each as a request of the client.

use teloxide::{
    RequestError, payloads,
    requests::Requester,
    types::{
        AcceptedGiftTypes, BotCommand, BusinessConnectionId, CallbackQueryId, ChatAction, ChatId,
        ChatPermissions, CustomEmojiId, FileId, GiftId, InlineQueryId, InlineQueryResult,
        InputChecklist, InputFile, InputMedia, InputPaidMedia, InputPollOption, InputProfilePhoto,
        InputSticker, InputStoryContent, LabeledPrice, MessageId, OwnedGiftId,
        PassportElementError, PreCheckoutQueryId, Recipient, Seconds, ShippingQueryId,
        StickerFormat, StoryId, TargetMessage, TelegramTransactionId, ThreadId, UserId,
    },
};
use url::Url;

use super::{bot::ClientBot, request::ClientRequest, upload::ClientUpload};

/// Implements teloxide's trait from a table: the type of the request, the method with its arguments, and the bounds of
/// their types.
macro_rules! requester {
    ($(
        $Request:ident $name:ident: $Method:ident($($argument:ident: $type:ty),*)
        $([$($T:ident: $bound:path),*])?;
    )*) => {
        impl Requester for ClientBot {
            type Err = RequestError;

            $(
                type $Method = $Request<payloads::$Method>;

                fn $name $(<$($T: $bound),*>)? (&self, $($argument: $type),*) -> Self::$Method {
                    $Request::new(self, payloads::$Method::new($($argument),*))
                }
            )*
        }
    };
}

requester! {
    ClientRequest get_updates: GetUpdates();
    ClientUpload set_webhook: SetWebhook(url: Url);
    ClientRequest delete_webhook: DeleteWebhook();
    ClientRequest get_webhook_info: GetWebhookInfo();
    ClientRequest get_me: GetMe();
    ClientRequest log_out: LogOut();
    ClientRequest close: Close();
    ClientRequest send_message: SendMessage(chat_id: C, text: T) [C: Into<Recipient>, T: Into<String>];
    ClientRequest forward_message: ForwardMessage(chat_id: C, from_chat_id: F, message_id: MessageId) [C: Into<Recipient>, F: Into<Recipient>];
    ClientRequest forward_messages: ForwardMessages(chat_id: C, from_chat_id: F, message_ids: M) [C: Into<Recipient>, F: Into<Recipient>, M: IntoIterator<Item = MessageId>];
    ClientRequest copy_message: CopyMessage(chat_id: C, from_chat_id: F, message_id: MessageId) [C: Into<Recipient>, F: Into<Recipient>];
    ClientRequest copy_messages: CopyMessages(chat_id: C, from_chat_id: F, message_ids: M) [C: Into<Recipient>, F: Into<Recipient>, M: IntoIterator<Item = MessageId>];
    ClientUpload send_photo: SendPhoto(chat_id: C, photo: InputFile) [C: Into<Recipient>];
    ClientUpload send_audio: SendAudio(chat_id: C, audio: InputFile) [C: Into<Recipient>];
    ClientUpload send_document: SendDocument(chat_id: C, document: InputFile) [C: Into<Recipient>];
    ClientUpload send_video: SendVideo(chat_id: C, video: InputFile) [C: Into<Recipient>];
    ClientUpload send_animation: SendAnimation(chat_id: C, animation: InputFile) [C: Into<Recipient>];
    ClientUpload send_voice: SendVoice(chat_id: C, voice: InputFile) [C: Into<Recipient>];
    ClientUpload send_video_note: SendVideoNote(chat_id: C, video_note: InputFile) [C: Into<Recipient>];
    ClientUpload send_paid_media: SendPaidMedia(chat_id: C, star_count: u32, media: M) [C: Into<Recipient>, M: IntoIterator<Item = InputPaidMedia>];
    ClientUpload send_media_group: SendMediaGroup(chat_id: C, media: M) [C: Into<Recipient>, M: IntoIterator<Item = InputMedia>];
    ClientRequest send_location: SendLocation(chat_id: C, latitude: f64, longitude: f64) [C: Into<Recipient>];
    ClientRequest edit_message_live_location: EditMessageLiveLocation(chat_id: C, message_id: MessageId, latitude: f64, longitude: f64) [C: Into<Recipient>];
    ClientRequest edit_message_live_location_inline: EditMessageLiveLocationInline(inline_message_id: I, latitude: f64, longitude: f64) [I: Into<String>];
    ClientRequest stop_message_live_location: StopMessageLiveLocation(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest stop_message_live_location_inline: StopMessageLiveLocationInline(inline_message_id: I) [I: Into<String>];
    ClientRequest edit_message_checklist: EditMessageChecklist(business_connection_id: BusinessConnectionId, chat_id: C, message_id: MessageId, checklist: InputChecklist) [C: Into<ChatId>];
    ClientRequest send_venue: SendVenue(chat_id: C, latitude: f64, longitude: f64, title: T, address: A) [C: Into<Recipient>, T: Into<String>, A: Into<String>];
    ClientRequest send_contact: SendContact(chat_id: C, phone_number: P, first_name: F) [C: Into<Recipient>, P: Into<String>, F: Into<String>];
    ClientRequest send_poll: SendPoll(chat_id: C, question: Q, options: O) [C: Into<Recipient>, Q: Into<String>, O: IntoIterator<Item = InputPollOption>];
    ClientRequest send_checklist: SendChecklist(business_connection_id: BusinessConnectionId, chat_id: C, checklist: InputChecklist) [C: Into<ChatId>];
    ClientRequest send_dice: SendDice(chat_id: C) [C: Into<Recipient>];
    ClientRequest send_chat_action: SendChatAction(chat_id: C, action: ChatAction) [C: Into<Recipient>];
    ClientRequest set_message_reaction: SetMessageReaction(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest get_user_profile_photos: GetUserProfilePhotos(user_id: UserId);
    ClientRequest set_user_emoji_status: SetUserEmojiStatus(user_id: UserId);
    ClientRequest get_file: GetFile(file_id: FileId);
    ClientRequest ban_chat_member: BanChatMember(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest kick_chat_member: KickChatMember(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest unban_chat_member: UnbanChatMember(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest restrict_chat_member: RestrictChatMember(chat_id: C, user_id: UserId, permissions: ChatPermissions) [C: Into<Recipient>];
    ClientRequest promote_chat_member: PromoteChatMember(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest set_chat_administrator_custom_title: SetChatAdministratorCustomTitle(chat_id: Ch, user_id: UserId, custom_title: C) [Ch: Into<Recipient>, C: Into<String>];
    ClientRequest ban_chat_sender_chat: BanChatSenderChat(chat_id: C, sender_chat_id: S) [C: Into<Recipient>, S: Into<ChatId>];
    ClientRequest unban_chat_sender_chat: UnbanChatSenderChat(chat_id: C, sender_chat_id: S) [C: Into<Recipient>, S: Into<ChatId>];
    ClientRequest set_chat_permissions: SetChatPermissions(chat_id: C, permissions: ChatPermissions) [C: Into<Recipient>];
    ClientRequest export_chat_invite_link: ExportChatInviteLink(chat_id: C) [C: Into<Recipient>];
    ClientRequest create_chat_invite_link: CreateChatInviteLink(chat_id: C) [C: Into<Recipient>];
    ClientRequest edit_chat_invite_link: EditChatInviteLink(chat_id: C, invite_link: I) [C: Into<Recipient>, I: Into<String>];
    ClientRequest create_chat_subscription_invite_link: CreateChatSubscriptionInviteLink(chat_id: C, subscription_period: Seconds, subscription_price: u32) [C: Into<Recipient>];
    ClientRequest edit_chat_subscription_invite_link: EditChatSubscriptionInviteLink(chat_id: C, invite_link: I) [C: Into<Recipient>, I: Into<String>];
    ClientRequest revoke_chat_invite_link: RevokeChatInviteLink(chat_id: C, invite_link: I) [C: Into<Recipient>, I: Into<String>];
    ClientRequest approve_chat_join_request: ApproveChatJoinRequest(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest decline_chat_join_request: DeclineChatJoinRequest(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientUpload set_chat_photo: SetChatPhoto(chat_id: C, photo: InputFile) [C: Into<Recipient>];
    ClientRequest delete_chat_photo: DeleteChatPhoto(chat_id: C) [C: Into<Recipient>];
    ClientRequest set_chat_title: SetChatTitle(chat_id: C, title: T) [C: Into<Recipient>, T: Into<String>];
    ClientRequest set_chat_description: SetChatDescription(chat_id: C) [C: Into<Recipient>];
    ClientRequest pin_chat_message: PinChatMessage(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest unpin_chat_message: UnpinChatMessage(chat_id: C) [C: Into<Recipient>];
    ClientRequest unpin_all_chat_messages: UnpinAllChatMessages(chat_id: C) [C: Into<Recipient>];
    ClientRequest leave_chat: LeaveChat(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_chat: GetChat(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_chat_administrators: GetChatAdministrators(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_chat_member_count: GetChatMemberCount(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_chat_members_count: GetChatMembersCount(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_chat_member: GetChatMember(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest set_chat_sticker_set: SetChatStickerSet(chat_id: C, sticker_set_name: S) [C: Into<Recipient>, S: Into<String>];
    ClientRequest delete_chat_sticker_set: DeleteChatStickerSet(chat_id: C) [C: Into<Recipient>];
    ClientRequest get_forum_topic_icon_stickers: GetForumTopicIconStickers();
    ClientRequest create_forum_topic: CreateForumTopic(chat_id: C, name: N) [C: Into<Recipient>, N: Into<String>];
    ClientRequest edit_forum_topic: EditForumTopic(chat_id: C, message_thread_id: ThreadId) [C: Into<Recipient>];
    ClientRequest close_forum_topic: CloseForumTopic(chat_id: C, message_thread_id: ThreadId) [C: Into<Recipient>];
    ClientRequest reopen_forum_topic: ReopenForumTopic(chat_id: C, message_thread_id: ThreadId) [C: Into<Recipient>];
    ClientRequest delete_forum_topic: DeleteForumTopic(chat_id: C, message_thread_id: ThreadId) [C: Into<Recipient>];
    ClientRequest unpin_all_forum_topic_messages: UnpinAllForumTopicMessages(chat_id: C, message_thread_id: ThreadId) [C: Into<Recipient>];
    ClientRequest edit_general_forum_topic: EditGeneralForumTopic(chat_id: C, name: N) [C: Into<Recipient>, N: Into<String>];
    ClientRequest close_general_forum_topic: CloseGeneralForumTopic(chat_id: C) [C: Into<Recipient>];
    ClientRequest reopen_general_forum_topic: ReopenGeneralForumTopic(chat_id: C) [C: Into<Recipient>];
    ClientRequest hide_general_forum_topic: HideGeneralForumTopic(chat_id: C) [C: Into<Recipient>];
    ClientRequest unhide_general_forum_topic: UnhideGeneralForumTopic(chat_id: C) [C: Into<Recipient>];
    ClientRequest unpin_all_general_forum_topic_messages: UnpinAllGeneralForumTopicMessages(chat_id: C) [C: Into<Recipient>];
    ClientRequest answer_callback_query: AnswerCallbackQuery(callback_query_id: CallbackQueryId);
    ClientRequest get_user_chat_boosts: GetUserChatBoosts(chat_id: C, user_id: UserId) [C: Into<Recipient>];
    ClientRequest set_my_commands: SetMyCommands(commands: C) [C: IntoIterator<Item = BotCommand>];
    ClientRequest get_business_connection: GetBusinessConnection(business_connection_id: BusinessConnectionId);
    ClientRequest get_my_commands: GetMyCommands();
    ClientRequest set_my_name: SetMyName();
    ClientRequest get_my_name: GetMyName();
    ClientRequest set_my_description: SetMyDescription();
    ClientRequest get_my_description: GetMyDescription();
    ClientRequest set_my_short_description: SetMyShortDescription();
    ClientRequest get_my_short_description: GetMyShortDescription();
    ClientRequest set_chat_menu_button: SetChatMenuButton();
    ClientRequest get_chat_menu_button: GetChatMenuButton();
    ClientRequest set_my_default_administrator_rights: SetMyDefaultAdministratorRights();
    ClientRequest get_my_default_administrator_rights: GetMyDefaultAdministratorRights();
    ClientRequest delete_my_commands: DeleteMyCommands();
    ClientRequest answer_inline_query: AnswerInlineQuery(inline_query_id: InlineQueryId, results: R) [R: IntoIterator<Item = InlineQueryResult>];
    ClientRequest answer_web_app_query: AnswerWebAppQuery(web_app_query_id: W, result: InlineQueryResult) [W: Into<String>];
    ClientRequest save_prepared_inline_message: SavePreparedInlineMessage(user_id: UserId, result: InlineQueryResult);
    ClientRequest edit_message_text: EditMessageText(chat_id: C, message_id: MessageId, text: T) [C: Into<Recipient>, T: Into<String>];
    ClientRequest edit_message_text_inline: EditMessageTextInline(inline_message_id: I, text: T) [I: Into<String>, T: Into<String>];
    ClientRequest edit_message_caption: EditMessageCaption(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest edit_message_caption_inline: EditMessageCaptionInline(inline_message_id: I) [I: Into<String>];
    ClientUpload edit_message_media: EditMessageMedia(chat_id: C, message_id: MessageId, media: InputMedia) [C: Into<Recipient>];
    ClientUpload edit_message_media_inline: EditMessageMediaInline(inline_message_id: I, media: InputMedia) [I: Into<String>];
    ClientRequest edit_message_reply_markup: EditMessageReplyMarkup(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest edit_message_reply_markup_inline: EditMessageReplyMarkupInline(inline_message_id: I) [I: Into<String>];
    ClientRequest stop_poll: StopPoll(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest delete_message: DeleteMessage(chat_id: C, message_id: MessageId) [C: Into<Recipient>];
    ClientRequest delete_messages: DeleteMessages(chat_id: C, message_ids: M) [C: Into<Recipient>, M: IntoIterator<Item = MessageId>];
    ClientUpload send_sticker: SendSticker(chat_id: C, sticker: InputFile) [C: Into<Recipient>];
    ClientRequest get_sticker_set: GetStickerSet(name: N) [N: Into<String>];
    ClientRequest get_custom_emoji_stickers: GetCustomEmojiStickers(custom_emoji_ids: C) [C: IntoIterator<Item = CustomEmojiId>];
    ClientUpload upload_sticker_file: UploadStickerFile(user_id: UserId, sticker: InputFile, sticker_format: StickerFormat);
    ClientUpload create_new_sticker_set: CreateNewStickerSet(user_id: UserId, name: N, title: T, stickers: S) [N: Into<String>, T: Into<String>, S: IntoIterator<Item = InputSticker>];
    ClientUpload add_sticker_to_set: AddStickerToSet(user_id: UserId, name: N, sticker: InputSticker) [N: Into<String>];
    ClientRequest set_sticker_position_in_set: SetStickerPositionInSet(sticker: S, position: u32) [S: Into<String>];
    ClientRequest delete_sticker_from_set: DeleteStickerFromSet(sticker: S) [S: Into<String>];
    ClientRequest replace_sticker_in_set: ReplaceStickerInSet(user_id: UserId, name: N, old_sticker: O, sticker: InputSticker) [N: Into<String>, O: Into<String>];
    ClientUpload set_sticker_set_thumbnail: SetStickerSetThumbnail(name: N, user_id: UserId, format: StickerFormat) [N: Into<String>];
    ClientRequest set_custom_emoji_sticker_set_thumbnail: SetCustomEmojiStickerSetThumbnail(name: N) [N: Into<String>];
    ClientRequest set_sticker_set_title: SetStickerSetTitle(name: N, title: T) [N: Into<String>, T: Into<String>];
    ClientRequest delete_sticker_set: DeleteStickerSet(name: N) [N: Into<String>];
    ClientRequest set_sticker_emoji_list: SetStickerEmojiList(sticker: S, emoji_list: E) [S: Into<String>, E: IntoIterator<Item = String>];
    ClientRequest set_sticker_keywords: SetStickerKeywords(sticker: S) [S: Into<String>];
    ClientRequest set_sticker_mask_position: SetStickerMaskPosition(sticker: S) [S: Into<String>];
    ClientRequest get_available_gifts: GetAvailableGifts();
    ClientRequest send_gift: SendGift(user_id: UserId, gift_id: GiftId);
    ClientRequest send_gift_chat: SendGiftChat(chat_id: C, gift_id: GiftId) [C: Into<Recipient>];
    ClientRequest gift_premium_subscription: GiftPremiumSubscription(user_id: UserId, month_count: u8, star_count: u32);
    ClientRequest verify_user: VerifyUser(user_id: UserId);
    ClientRequest verify_chat: VerifyChat(chat_id: C) [C: Into<Recipient>];
    ClientRequest remove_user_verification: RemoveUserVerification(user_id: UserId);
    ClientRequest remove_chat_verification: RemoveChatVerification(chat_id: C) [C: Into<Recipient>];
    ClientRequest read_business_message: ReadBusinessMessage(business_connection_id: BusinessConnectionId, chat_id: C, message_id: MessageId) [C: Into<ChatId>];
    ClientRequest delete_business_messages: DeleteBusinessMessages(business_connection_id: BusinessConnectionId, message_ids: M) [M: IntoIterator<Item = MessageId>];
    ClientRequest set_business_account_name: SetBusinessAccountName(business_connection_id: BusinessConnectionId, first_name: F) [F: Into<String>];
    ClientRequest set_business_account_username: SetBusinessAccountUsername(business_connection_id: BusinessConnectionId);
    ClientRequest set_business_account_bio: SetBusinessAccountBio(business_connection_id: BusinessConnectionId);
    ClientRequest set_business_account_profile_photo: SetBusinessAccountProfilePhoto(business_connection_id: BusinessConnectionId, photo: InputProfilePhoto);
    ClientRequest remove_business_account_profile_photo: RemoveBusinessAccountProfilePhoto(business_connection_id: BusinessConnectionId);
    ClientRequest set_business_account_gift_settings: SetBusinessAccountGiftSettings(business_connection_id: BusinessConnectionId, show_gift_button: bool, accepted_gift_types: AcceptedGiftTypes);
    ClientRequest get_business_account_star_balance: GetBusinessAccountStarBalance(business_connection_id: BusinessConnectionId);
    ClientRequest transfer_business_account_stars: TransferBusinessAccountStars(business_connection_id: BusinessConnectionId, star_count: u32);
    ClientRequest get_business_account_gifts: GetBusinessAccountGifts(business_connection_id: BusinessConnectionId);
    ClientRequest convert_gift_to_stars: ConvertGiftToStars(business_connection_id: BusinessConnectionId, owned_gift_id: OwnedGiftId);
    ClientRequest upgrade_gift: UpgradeGift(business_connection_id: BusinessConnectionId, owned_gift_id: OwnedGiftId);
    ClientRequest transfer_gift: TransferGift(business_connection_id: BusinessConnectionId, owned_gift_id: OwnedGiftId, new_owner_chat_id: N) [N: Into<ChatId>];
    ClientRequest post_story: PostStory(business_connection_id: BusinessConnectionId, content: InputStoryContent, active_period: Seconds);
    ClientRequest edit_story: EditStory(business_connection_id: BusinessConnectionId, story_id: StoryId, content: InputStoryContent);
    ClientRequest delete_story: DeleteStory(business_connection_id: BusinessConnectionId, story_id: StoryId);
    ClientRequest send_invoice: SendInvoice(chat_id: Ch, title: T, description: D, payload: Pa, currency: C, prices: P) [Ch: Into<Recipient>, T: Into<String>, D: Into<String>, Pa: Into<String>, C: Into<String>, P: IntoIterator<Item = LabeledPrice>];
    ClientRequest create_invoice_link: CreateInvoiceLink(title: T, description: D, payload: Pa, currency: C, prices: P) [T: Into<String>, D: Into<String>, Pa: Into<String>, C: Into<String>, P: IntoIterator<Item = LabeledPrice>];
    ClientRequest answer_shipping_query: AnswerShippingQuery(shipping_query_id: ShippingQueryId, ok: bool);
    ClientRequest answer_pre_checkout_query: AnswerPreCheckoutQuery(pre_checkout_query_id: PreCheckoutQueryId, ok: bool);
    ClientRequest get_my_star_balance: GetMyStarBalance();
    ClientRequest get_star_transactions: GetStarTransactions();
    ClientRequest refund_star_payment: RefundStarPayment(user_id: UserId, telegram_payment_charge_id: TelegramTransactionId);
    ClientRequest edit_user_star_subscription: EditUserStarSubscription(user_id: UserId, telegram_payment_charge_id: TelegramTransactionId, is_canceled: bool);
    ClientRequest set_passport_data_errors: SetPassportDataErrors(user_id: UserId, errors: E) [E: IntoIterator<Item = PassportElementError>];
    ClientRequest send_game: SendGame(chat_id: C, game_short_name: G) [C: Into<ChatId>, G: Into<String>];
    ClientRequest set_game_score: SetGameScore(user_id: UserId, score: u64, chat_id: u32, message_id: MessageId);
    ClientRequest set_game_score_inline: SetGameScoreInline(user_id: UserId, score: u64, inline_message_id: I) [I: Into<String>];
    ClientRequest get_game_high_scores: GetGameHighScores(user_id: UserId, target: T) [T: Into<TargetMessage>];
}
