//! What must not compile. The messages are part of what users see, so each case has the whole of its
//! message beside it.

#[test]
fn e4_what_telegram_takes_in_no_reply_doesnt_compile() {
    trybuild::TestCases::new().compile_fail("reply/*.rs");
}
