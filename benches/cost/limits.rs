//! What eight ways may cost at most; CI counts them. A count doesn't drift with the machine, but a little
//! with the compiler and with other crates: a limit stands some 4 % above what was counted last.
//!
//! Who makes a way cheaper lowers its limit, and who has to make one dearer says why in the change.

use tower_telegram_benches::limit::Limit;

pub(crate) const ALL: &[Limit] = &[
    Limit::new("head/64 KiB", 290.0, 0.0),
    Limit::new("parse/text", 8_400.0, 3.0),
    Limit::new("parse/30 KB keyboard", 580_000.0, 364.0),
    Limit::new("request/wrong secret", 2_480.0, 5.0),
    Limit::new("request/filtered out", 4_240.0, 2.0),
    Limit::new("request/reply", 16_800.0, 12.0),
    Limit::new("request/reply, with delivery", 20_400.0, 18.0),
    Limit::new("client/send", 17_200.0, 13.0),
];
