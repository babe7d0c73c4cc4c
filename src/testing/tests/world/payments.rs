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
