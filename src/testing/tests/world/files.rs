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
async fn an_animation_is_one_file_and_what_was_not_uploaded_is_refused() {
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
