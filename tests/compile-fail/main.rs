//! Programs that must not compile. Users see the messages, so each case has its whole message beside it.

#[test]
fn e4_what_telegram_takes_in_no_reply_doesnt_compile() {
    trybuild::TestCases::new().compile_fail("reply/*.rs");
}

/// A deadline below the deliveries compiles, because no bound can exclude one layer. It has no effect there, and
/// logs so: `delivery::misplaced`.
#[test]
fn a9_layers_in_the_wrong_order_or_missing_dont_compile() {
    trybuild::TestCases::new().compile_fail("order/*.rs");
}

#[test]
fn j16_functions_that_cannot_be_handlers_dont_compile() {
    trybuild::TestCases::new().compile_fail("handler/*.rs");
}
