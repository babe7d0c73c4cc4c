//! Host names with letters outside of ASCII in punycode (RFC 3492), like the server writes them.
//!
//! Each such label is encoded as it is, without mapping its characters first.

const BASE: usize = 36;

/// The host for a request's head. Labels in ASCII aren't changed.
pub(crate) fn host(host: &str) -> String {
    let labels = host.split('.').map(|label| {
        if label.is_ascii() {
            label.to_owned()
        } else {
            format!("xn--{}", encode(label))
        }
    });
    labels.collect::<Vec<_>>().join(".")
}

/// The punycode of a label, without its prefix.
fn encode(label: &str) -> String {
    let points: Vec<char> = label.chars().collect();
    let mut output: String = points.iter().filter(|c| c.is_ascii()).collect();
    let mut handled = output.len();
    let ascii = handled;
    if ascii > 0 {
        output.push('-');
    }
    let mut others: Vec<char> = points.iter().copied().filter(|c| !c.is_ascii()).collect();
    others.sort_unstable();
    others.dedup();
    let (mut previous, mut bias, mut delta) = (127, 72, 0);
    for other in others {
        delta += (other as usize - previous - 1) * (handled + 1);
        for point in &points {
            match point.cmp(&other) {
                std::cmp::Ordering::Less => delta += 1,
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => {
                    write_integer(delta, bias, &mut output);
                    handled += 1;
                    bias = next_bias(delta, handled, handled == ascii + 1);
                    delta = 0;
                }
            }
        }
        delta += 1;
        previous = other as usize;
    }
    output
}

/// Writes a variable-length integer of punycode.
fn write_integer(mut value: usize, bias: usize, output: &mut String) {
    for place in 1.. {
        let limit = (place * BASE).saturating_sub(bias).clamp(1, 26);
        if value < limit {
            output.push(digit(value));
            return;
        }
        output.push(digit(limit + (value - limit) % (BASE - limit)));
        value = (value - limit) / (BASE - limit);
    }
}

/// The digit for a value below 36.
fn digit(value: usize) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[value])
}

/// The bias for the next integer (RFC 3492, section 6.1).
fn next_bias(delta: usize, handled: usize, is_first: bool) -> usize {
    let mut delta = delta / if is_first { 700 } else { 2 };
    delta += delta / handled;
    let mut bias = 0;
    while delta > 455 {
        delta /= 35;
        bias += BASE;
    }
    bias + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn only_labels_outside_ascii_are_encoded() {
        for (text, encoded) in [
            ("bot.example", "bot.example"),
            ("бот.рф", "xn--90a0am.xn--p1ai"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("münchen-ost.de.", "xn--mnchen-ost-9db.de."),
            ("\u{1f4a9}.la", "xn--ls8h.la"),
            ("президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"),
            ("例え.jp", "xn--r8jz45g.jp"),
        ] {
            assert_eq!(host(text), encoded);
        }
    }
}
