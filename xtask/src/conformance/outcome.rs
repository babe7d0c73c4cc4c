//! The outcome of the tests, from the output of `cargo test`.

use std::collections::BTreeMap;

use super::table::{Number, Place};

/// The file of tests that call the service as it is.
const ONESHOT: &[&str] = &["servers", "oneshot"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Passed,
    Ignored,
    Failed,
}

/// A test of one row or more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// With its path.
    pub(crate) name: String,
    pub(crate) rows: Vec<Number>,
    pub(crate) place: Place,
    pub(crate) verdict: Verdict,
}

/// The tests that cover rows. Two binaries may have a test of the same name, because they share files: it counts once,
/// with the worse verdict.
pub(crate) fn parse(output: &str) -> Vec<Outcome> {
    let mut verdicts = BTreeMap::new();
    for (name, verdict) in output.lines().filter_map(test) {
        let known = verdicts.entry(name).or_insert(verdict);
        *known = verdict.max(*known);
    }
    verdicts.into_iter().filter_map(outcome).collect()
}

/// `test a::b ... ok`. A line that can't be understood counts as a failure.
fn test(line: &str) -> Option<(&str, Verdict)> {
    let (name, said) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let verdict = match said {
        "ok" => Verdict::Passed,
        _ if said.starts_with("ignored") => Verdict::Ignored,
        _ => Verdict::Failed,
    };
    Some((name, verdict))
}

fn outcome((name, verdict): (&str, Verdict)) -> Option<Outcome> {
    let path: Vec<_> = name.split("::").collect();
    let (last, folders) = path.split_last()?;
    // The last part names the server, or the test where there is none. A module of that name, such
    // as the crate's own `client::transport::hyper`, says nothing.
    let (named, place) = match Place::named(last) {
        Some(server) => (folders.last()?, server),
        None if path.starts_with(ONESHOT) => (last, Place::Oneshot),
        None => (last, Place::Core),
    };
    let rows = rows(named);
    if rows.is_empty() {
        return None;
    }
    Some(Outcome {
        name: name.to_owned(),
        rows,
        place,
        verdict,
    })
}

/// The numbers that a test's name begins with: `d9_and_d10_too_many`.
fn rows(name: &str) -> Vec<Number> {
    let words = name.split('_').filter(|word| *word != "and");
    words.map_while(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (Vec<String>, Place, Verdict) {
        let outcomes = parse(line);
        assert_eq!(outcomes.len(), 1, "{line}");
        let rows = outcomes[0].rows.iter().map(Number::to_string).collect();
        (rows, outcomes[0].place, outcomes[0].verdict)
    }

    #[test]
    fn a_test_has_the_rows_and_the_server_of_its_name() {
        for (name, numbers, place) in [
            (
                "admission::secret::a1_it_runs_once::hyper",
                &["A1"][..],
                Place::Hyper,
            ),
            (
                "reply::responses::e2_one_object::tonic",
                &["E2"],
                Place::Tonic,
            ),
            (
                "reply::responses::e2_one_object::lambda",
                &["E2"],
                Place::Lambda,
            ),
            (
                "servers::oneshot::b4_it_is_given_up",
                &["B4"],
                Place::Oneshot,
            ),
            (
                "servers::oneshot::deadline::b1_b2_b3_the_head",
                &["B1", "B2", "B3"],
                Place::Oneshot,
            ),
            ("servers::people::d1_twice", &["D1"], Place::Core),
            (
                "delivery::stores::d9_and_d10_too_many",
                &["D9", "D10"],
                Place::Core,
            ),
            ("client::layers::f2_a_429_waits", &["F2"], Place::Core),
            (
                "client::transport::hyper::tests::f3_refused",
                &["F3"],
                Place::Core,
            ),
            (
                "client::transport::reqwest::f3_refused::core",
                &["F3"],
                Place::Core,
            ),
            ("axum::tests::a1_it_is_let_in", &["A1"], Place::Core),
            (
                "tokio::sync::oneshot::b4_it_is_given_up",
                &["B4"],
                Place::Core,
            ),
            (
                "client::token::a6_no_call_over_hyper_shows_it",
                &["A6"],
                Place::Core,
            ),
            ("b6_alone", &["B6"], Place::Core),
            ("z_new::z1_no_row", &["Z1"], Place::Core),
        ] {
            let numbers = numbers.iter().map(|&n| n.to_owned()).collect();
            let expected = (numbers, place, Verdict::Passed);
            assert_eq!(one(&format!("test {name} ... ok")), expected);
        }
    }

    #[test]
    fn only_ok_has_passed() {
        for (said, verdict) in [
            ("ok", Verdict::Passed),
            ("FAILED", Verdict::Failed),
            ("ignored", Verdict::Ignored),
            ("ignored, too slow", Verdict::Ignored),
            ("", Verdict::Failed),
            ("okay?", Verdict::Failed),
        ] {
            assert_eq!(one(&format!("test a1_x ... {said}")).2, verdict, "{said}");
        }
        let panics = one("test a1_x - should panic ... ok");
        assert_eq!(panics.2, Verdict::Passed);
    }

    #[test]
    fn a_test_without_a_row_is_ignored() {
        let output = "running 3 tests\n\
            test readiness::it_is_ready ... ok\n\
            test wire::a_1 ... ok\n\
            test a1_module::hyper_is_fast ... FAILED\n\
            test hyper ... ok\n\
            test src/lib.rs - a1_doc (line 3) ... ok\n\
            test result: ok. 3 passed; 0 failed\n\
            \x20   a1_the_right_secret\n";
        assert_eq!(parse(output), []);
    }

    #[test]
    fn of_two_by_the_same_name_the_worse_counts() {
        for (first, second) in [("ok", "FAILED"), ("FAILED", "ok")] {
            let output = format!("test x::a1_y ... {first}\ntest x::a1_y ... {second}\n");
            assert_eq!(one(&output).2, Verdict::Failed);
        }
    }
}
