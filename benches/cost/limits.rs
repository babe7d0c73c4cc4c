//! What these ways may cost at most; CI counts them. A count doesn't drift with the machine, but a little
//! with the compiler and with other crates: a limit stands some 4 % above what was counted last.
//!
//! Who makes a way cheaper lowers its limit, and who has to make one dearer says why in the change.

use tower_telegram_benches::limit::Limit;

pub(crate) const ALL: &[Limit] = &[
    Limit::new("head/64 KiB", 113.0, 0.0),
    Limit::new("parse/text", 7_800.0, 3.0),
    Limit::new("parse/30 KB keyboard", 527_000.0, 313.0),
    Limit::new("read/text, Update::from_slice", 7_950.0, 3.0),
    Limit::new("read/30 KB keyboard, Update::from_slice", 525_000.0, 313.0),
    // As much as was asked of it.
    Limit::new("delivery", 2_000.0, 6.0),
    Limit::new("request/wrong secret", 520.0, 0.0),
    Limit::new("request/filtered out", 1_870.0, 0.0),
    Limit::new("request/reply", 12_700.0, 8.0),
    Limit::new("request/reply, with delivery", 16_000.0, 14.0),
    Limit::new("client/send", 13_300.0, 8.0),
];
