use super::*;

#[tokio::test]
async fn an_upload_has_an_id_that_leads_back_to_its_bytes() {
    let telegram = start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
                --b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
    let path = format!("/bot{}/sendDocument", telegram.token());
    let request = post(&path, "multipart/form-data; boundary=b", body);
    let response = call(&telegram, &request).await;
    let response: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    let document = &response["result"]["document"];
    assert_eq!(
        (&document["file_name"], &document["file_size"]),
        (&json!("a.txt"), &json!(5))
    );
    let file = api(
        &telegram,
        "getFile",
        json!({"file_id": document["file_id"]}),
    )
    .unwrap();
    let path = file["file_path"].as_str().unwrap();
    assert_eq!(path.rsplit('.').next(), Some("txt"));
    let downloaded = call(
        &telegram,
        &get(&format!("/file/bot{}/{path}", telegram.token())),
    )
    .await;
    assert!(downloaded.ends_with("\r\n\r\nhello"), "{downloaded}");
    let again = json!({"chat_id": 7, "document": document["file_id"]});
    let again = api(&telegram, "sendDocument", again).unwrap();
    assert_eq!(again["document"]["file_size"], 5, "the same file");
}

#[tokio::test]
async fn an_animation_is_one_file_and_missing_uploads_are_refused() {
    let telegram = start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
                --b\r\nContent-Disposition: form-data; name=\"animation\"; filename=\"a.gif\"\r\n\r\nGIF\r\n--b--\r\n";
    let path = format!("/bot{}/sendAnimation", telegram.token());
    let response = call(
        &telegram,
        &post(&path, "multipart/form-data; boundary=b", body),
    )
    .await;
    let response: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    let (animation, document) = (
        &response["result"]["animation"],
        &response["result"]["document"],
    );
    assert_eq!(animation["file_id"], document["file_id"]);
    assert_eq!(document["file_size"], 3);
    let missing = json!({"chat_id": 7, "photo": "attach://photo"});
    assert_eq!(
        refused(&telegram, "sendPhoto", missing),
        "Bad Request: wrong file identifier/HTTP URL specified"
    );
}

#[tokio::test]
async fn where_people_are_only_ids_that_were_given_out_are_files() {
    let telegram = start().await;
    let stranger = json!({"chat_id": 7, "photo": "AgAD"});
    assert!(
        api(&telegram, "sendPhoto", stranger).is_ok(),
        "nobody is there"
    );
    let ada = telegram.user("Ada");
    let photo = |id: &Value| json!({"chat_id": ada.id(), "photo": id});
    let wrong = "Bad Request: wrong file identifier/HTTP URL specified";
    assert_eq!(
        refused(&telegram, "sendPhoto", photo(&json!("AgAD"))),
        wrong
    );
    let media = |id: &str| json!({"type": "photo", "media": id});
    let album =
        json!({"chat_id": ada.id(), "media": [media("https://a.example/b.jpg"), media("AgAD")]});
    assert_eq!(refused(&telegram, "sendMediaGroup", album), wrong);
    let id = json!({"file_id": "AgAD"});
    assert_eq!(
        refused(&telegram, "getFile", id),
        "Bad Request: invalid file_id"
    );
    let query = ada.queries("loom").await.unwrap();
    let cached = json!({"type": "photo", "id": "1", "photo_file_id": "AgAD"});
    let results = json!({"inline_query_id": query.id, "results": [cached]});
    assert_eq!(
        refused(&telegram, "answerInlineQuery", results),
        "Bad Request: wrong remote file identifier specified: can't unserialize it"
    );
    assert!(ada.waits_for_message().await.is_err(), "nothing was sent");

    // Files that a user has sent, that Telegram has fetched, and that a test has added.
    let sent = ada.sends_photo("JPEG", "").await.unwrap().message;
    let of_ada = json!(&*sent.photo.unwrap()[0].file_id);
    let fetched = api(
        &telegram,
        "sendPhoto",
        photo(&json!("https://a.example/b.jpg")),
    )
    .unwrap();
    let mut update = update::text(ada.id(), "x");
    update["message"]["document"] = json!({"file_id": "BQAD", "file_unique_id": "b"});
    telegram.enqueue(update).unwrap();
    for id in [
        of_ada,
        fetched["photo"][0]["file_id"].clone(),
        json!("BQAD"),
    ] {
        assert!(api(&telegram, "sendPhoto", photo(&id)).is_ok(), "{id}");
        assert!(api(&telegram, "getFile", json!({"file_id": id})).is_ok());
    }
}

#[tokio::test]
async fn a_file_over_20_mib_is_not_given_out_unless_it_is_local() {
    let telegram = start().await;
    let get = |telegram: &Telegram, id: &str| api(telegram, "getFile", json!({"file_id": id}));
    let most = telegram.add_generated_file("a", 20 << 20);
    assert!(get(&telegram, &most).is_ok());
    let more = telegram.add_generated_file("b", (20 << 20) + 1);
    assert_eq!(
        get(&telegram, &more),
        Err("Bad Request: file is too big".to_owned())
    );
    let path = std::env::temp_dir().join(format!("tower-telegram-{}", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    file.set_len((20 << 20) + 1).unwrap();
    let local = telegram.add_local_file(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(get(&telegram, &local).is_ok());
    let builder = Telegram::builder().max_download(u64::MAX);
    let telegram = builder.start().await.unwrap();
    let more = telegram.add_generated_file("b", (20 << 20) + 1);
    assert!(get(&telegram, &more).is_ok());
}
