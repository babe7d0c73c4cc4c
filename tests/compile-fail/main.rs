//! Programs that must not compile. Users see the compiler's messages, so each case has its whole message in
//! a file.

#[test]
fn e4_methods_that_telegram_ignores_in_a_reply_dont_compile() {
    trybuild::TestCases::new().compile_fail("reply/*.rs");
}

/// A deadline below the deliveries compiles, because no bound can exclude one layer. It has no effect there, and
/// logs so: `delivery::misplaced`.
#[test]
fn a9_layers_in_the_wrong_order_or_missing_dont_compile() {
    trybuild::TestCases::new().compile_fail("order/*.rs");
}

#[test]
fn functions_that_are_no_handlers_of_a_router_dont_compile() {
    trybuild::TestCases::new().compile_fail("handler/*.rs");
}
