use super::*;

fn invoice(chat_id: i64, is_flexible: bool) -> Value {
    json!({
        "chat_id": chat_id, "title": "Loom", "description": "Weaves", "payload": "loom-1", "currency": "EUR",
        "prices": [{"label": "Loom", "amount": 500}], "is_flexible": is_flexible,
    })
}

#[tokio::test]
async fn a_payment_is_checked_and_then_told() {
    let telegram = start_patient().await;
    let ada = telegram.user("Ada");
    api(&telegram, "sendInvoice", invoice(ada.id(), true)).unwrap();
    let message = ada.waits_for_message().await.unwrap();
    let (paid, ()) = tokio::join!(ada.pays(&message), async {
        let query = update(&telegram, "shipping_query").await;
        assert_eq!(query["invoice_payload"], "loom-1");
        let options =
            json!([{"id": "cart", "title": "Cart", "prices": [{"label": "Horse", "amount": 50}]}]);
        let answer =
            json!({"shipping_query_id": query["id"], "ok": true, "shipping_options": options});
        api(&telegram, "answerShippingQuery", answer).unwrap();
        while telegram.pending_updates() == 0 {
            tokio::task::yield_now().await;
        }
        let query = update(&telegram, "pre_checkout_query").await;
        assert_eq!(query["total_amount"], 550);
        let answer = json!({"pre_checkout_query_id": query["id"], "ok": true});
        api(&telegram, "answerPreCheckoutQuery", answer).unwrap();
    });
    let payment = paid.unwrap().message.successful_payment.unwrap();
    assert_eq!(
        (&*payment.invoice_payload, payment.total_amount),
        ("loom-1", 550)
    );
    assert!(!update(&telegram, "message").await["successful_payment"].is_null());
}

#[tokio::test]
async fn a_refused_order_is_not_paid() {
    let telegram = start_patient().await;
    let ada = telegram.user("Ada");
    api(&telegram, "sendInvoice", invoice(ada.id(), false)).unwrap();
    let message = ada.waits_for_message().await.unwrap();
    let (paid, ()) = tokio::join!(ada.pays(&message), async {
        let query = update(&telegram, "pre_checkout_query").await;
        let id = &query["id"];
        let silent = json!({"pre_checkout_query_id": id, "ok": false});
        assert!(api(&telegram, "answerPreCheckoutQuery", silent).is_err());
        let answer = json!({"pre_checkout_query_id": id, "ok": false, "error_message": "Sold"});
        api(&telegram, "answerPreCheckoutQuery", answer).unwrap();
    });
    assert_eq!(
        paid.unwrap_err().to_string(),
        "the bot refused the payment: Sold"
    );
    assert!(updates(&telegram).await.is_empty());
}

async fn pay(telegram: &Telegram, ada: &User, currency: &str, payload: &str) -> String {
    let mut invoice = invoice(ada.id(), false);
    invoice["currency"] = currency.into();
    invoice["payload"] = payload.into();
    api(telegram, "sendInvoice", invoice).unwrap();
    let message = ada.waits_for_message().await.unwrap();
    let (paid, ()) = tokio::join!(ada.pays(&message), async {
        let query = update(telegram, "pre_checkout_query").await;
        let answer = json!({"pre_checkout_query_id": query["id"], "ok": true});
        api(telegram, "answerPreCheckoutQuery", answer).unwrap();
    });
    update(telegram, "message").await;
    let payment = paid.unwrap().message.successful_payment.unwrap();
    payment.telegram_payment_charge_id.to_string()
}

#[tokio::test]
async fn stars_are_counted_and_given_back_once() {
    let telegram = start_patient().await;
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let balance = || api(&telegram, "getMyStarBalance", json!({})).unwrap()["amount"].clone();
    assert_eq!(balance(), 0);
    let first = pay(&telegram, &ada, "XTR", "loom-1").await;
    let second = pay(&telegram, &ada, "XTR", "loom-2").await;
    pay(&telegram, &ada, "EUR", "loom-3").await;
    assert_eq!(balance(), 1000);
    let refund = |user: &User, charge: &str| {
        let params = json!({"user_id": user.id(), "telegram_payment_charge_id": charge});
        api(&telegram, "refundStarPayment", params)
    };
    let not_found = Err("Bad Request: CHARGE_NOT_FOUND".to_owned());
    assert_eq!(refund(&bob, &first), not_found);
    assert_eq!(refund(&ada, "telegram-0"), not_found);
    assert_eq!(refund(&ada, &first), Ok(true.into()));
    assert_eq!(
        refund(&ada, &first),
        Err("Bad Request: CHARGE_ALREADY_REFUNDED".to_owned())
    );
    assert_eq!(balance(), 500);
    let told = ada.messages().pop().unwrap().refunded_payment.unwrap();
    assert_eq!((&*told.invoice_payload, told.total_amount), ("loom-1", 500));

    let list = |params: Value| {
        let list = api(&telegram, "getStarTransactions", params).unwrap();
        let read =
            serde_json::from_value::<tower_telegram_types::types::StarTransactions>(list.clone());
        assert_eq!(
            read.unwrap().transactions.len(),
            list["transactions"].as_array().unwrap().len()
        );
        list["transactions"].as_array().unwrap().clone()
    };
    let all = list(json!({}));
    let ids: Vec<_> = all.iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&first, &second, &first]);
    assert_eq!(all[0]["source"]["invoice_payload"], "loom-1");
    assert_eq!(all[2]["receiver"]["user"]["id"], ada.id());
    assert_eq!(list(json!({"offset": 1, "limit": 1})), all[1..2]);
    assert!(api(&telegram, "getStarTransactions", json!({"limit": 101})).is_err());
}
