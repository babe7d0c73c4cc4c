//! B10: with tower-http's decompression in front, compressed updates are accepted.

use tower::{Layer as _, util::BoxCloneSyncService};
use tower_http::decompression::RequestDecompressionLayer;
use tower_telegram::{
    types::Update,
    webhook::{UpdateLayer, Webhook},
};

use crate::support::{
    adapter::{Handler, nothing, secret},
    servers::serve_hyper,
    wire::{Call, MESSAGE, SECRET, SECRET_HEADER},
};

/// One stored block is as good a gzip as any.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    let mut crc = u32::MAX;
    for byte in text {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(text);
    out.extend((!crc).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

#[tokio::test]
async fn b10_behind_a_decompression_layer_compressed_updates_are_read() {
    let handler = Handler::<Update>::new(nothing);
    let webhook = Webhook::new(secret(SECRET))
        .update(UpdateLayer::new().max_bytes(1000))
        .without_delivery()
        .service(handler.clone());
    let service = RequestDecompressionLayer::new().layer(webhook);
    let endpoint = serve_hyper(BoxCloneSyncService::new(service)).await;
    let gzipped = |text: &[u8]| Call::new(gzip(text)).header("Content-Encoding", "gzip");
    let take = || std::mem::take(&mut *handler.handled.lock().expect("not poisoned"));

    let answer = endpoint.send(&gzipped(MESSAGE.as_bytes())).await;
    assert_eq!((answer.status, take().len()), (200, 1));
    let answer = endpoint.send(&Call::new(MESSAGE)).await;
    assert_eq!((answer.status, take().len()), (200, 1));

    // The limit counts decompressed bytes, and the secret is checked first.
    let bomb = gzipped(&[b' '; 1001]);
    assert_eq!(endpoint.send(&bomb).await.status, 413);
    let stranger = bomb.with(SECRET_HEADER, "guess");
    assert_eq!(endpoint.send(&stranger).await.status, 401);
    let damaged = Call::new(&gzip(MESSAGE.as_bytes())[..100]).header("Content-Encoding", "gzip");
    assert_eq!(endpoint.send(&damaged).await.status, 400);
    assert_eq!(take(), []);
}
