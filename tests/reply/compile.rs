//! E4: what doesn't compile.

/// The messages are part of what users see, so they are kept beside the code that they are about.
#[test]
fn e4_what_telegram_takes_in_no_reply_doesnt_compile() {
    trybuild::TestCases::new().compile_fail("tests/reply/ui/*.rs");
}
