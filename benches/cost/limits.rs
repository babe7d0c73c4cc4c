//! Upper limits of the counts, which CI checks. A count doesn't depend on the machine, but changes a little with the
//! compiler and with other crates: a limit is some 4 % above the last count, except where a goal was set.
//!
//! A change that makes a path cheaper lowers its limit, and one that must make a path dearer says why.

use tower_telegram_benches::limit::Limit;

/// The limits of the paths without metrics. With the feature `metrics` there are others.
#[cfg(not(feature = "metrics"))]
pub(crate) const ALL: &[Limit] = &[
    // Byte by byte, and not eight at once: 0.9 % of a request, for a page that a reader must puzzle over.
    Limit::new("head/64 KiB", 370.0, 0.0),
    // Members that are null are recorded, so that a key that comes twice is an error at every depth.
    Limit::new("parse/text", 8_080.0, 3.0),
    // Each string of a keyboard has a block of its own.
    Limit::new("parse/30 KB keyboard", 502_000.0, 313.0),
    Limit::new("read/text, Update::from_slice", 7_690.0, 3.0),
    Limit::new("read/30 KB keyboard, Update::from_slice", 502_000.0, 313.0),
    // Ordinary hash maps, one function that decides the outcome, and a claim that is given back
    // when its owner is gone.
    Limit::new("delivery", 2_940.0, 3.0),
    // A future that was done panics when it is polled again, which takes a state of its own.
    Limit::new("request/wrong secret", 660.0, 0.0),
    // The services that a request clones have the handler's time-out and the limits of single types in them.
    Limit::new("request/filtered out", 2_530.0, 0.0),
    // An update's members that are null count as absent, and the handler's failure is logged with its number. The
    // handler's future has a box of its own, without which a small bot's program is 8 % larger. The attempt is counted while
    // it runs.
    Limit::new("request/reply", 14_400.0, 10.0),
    // The reply is kept for redeliveries, in a map so that none is searched for, and the handler has a time-out. A function
    // has no deadline in extensions.
    Limit::new("request/reply, with delivery", 18_700.0, 12.0),
    // While the request is written, the connection is watched for a response, and `Retry-After` counts with any status.
    // One allocation is the box of the result, whose type the layers don't name.
    Limit::new("client/send", 13_590.0, 9.0),
    // The search in the tables, three moves of the update with its request's head, and the box of the handler's future.
    // Without the box a router's type would name each handler.
    Limit::new("routes/router", 555.0, 1.0),
    // One more move of the handler's future.
    Limit::new("spans/update, no subscriber", 98.0, 0.0),
    // A second conversion of the result, and one more type of service to clone and drop. The last count was 48.
    Limit::new("spans/call, no subscriber", 100.0, 0.0),
    Limit::new("spans/update, INFO", 4_980.0, 4.0),
    // With a record of calls that are cut off, and the lookup of the server's name, which a call without a span doesn't pay.
    Limit::new("spans/call, INFO", 5_500.0, 8.0),
];

/// Those with metrics and a recorder, over the same without layers that trace.
#[cfg(feature = "metrics")]
pub(crate) const ALL: &[Limit] = &[
    // Six records, each with a lookup in the recorder's map, and the beginning of the handler in the request's extensions.
    Limit::new("metrics/update", 12_000.0, 9.0),
    // One record.
    Limit::new("metrics/call", 1_080.0, 0.0),
];
