//! How often each update was handled, by the handlers' records.

use std::{collections::HashMap, fmt};

/// A handler has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Which update it was.
    pub(crate) number: u64,
    /// The process that did it.
    pub(crate) worker: u32,
}

impl Record {
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (number, worker) = line.split_once(" by ")?;
        Some(Self {
            number: number.parse().ok()?,
            worker: worker.parse().ok()?,
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.number, self.worker)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    once: usize,
    twice: usize,
    never: usize,
    out_of_order: usize,
    /// Done by the worker that was killed before it could note so, and therefore again by another: no
    /// queue can know of that.
    interrupted: usize,
}

impl Verdict {
    /// Counts the records of each chat.
    pub(crate) fn of(
        book: &[Vec<Record>],
        updates: u64,
        chat: impl Fn(u64) -> i64,
        killed: u32,
    ) -> Self {
        let mut verdict = Self::default();
        let mut times: HashMap<u64, usize> = HashMap::new();
        for (records, name) in book.iter().zip(1..) {
            let mut last: Option<Record> = None;
            for &record in records {
                let before = last.replace(record);
                if before.is_some_and(|before| is_interrupted(before, record, killed)) {
                    verdict.interrupted += 1;
                    continue;
                }
                *times.entry(record.number).or_default() += 1;
                let follows = before.is_none_or(|before| before.number < record.number);
                let belongs = chat(record.number) == name;
                verdict.out_of_order += usize::from(!follows || !belongs);
            }
        }
        for number in 0..updates {
            match times.get(&number) {
                None => verdict.never += 1,
                Some(1) => verdict.once += 1,
                Some(_) => verdict.twice += 1,
            }
        }
        verdict
    }

    pub(crate) fn is_good(&self) -> bool {
        self.never == 0 && self.twice == 0 && self.out_of_order == 0
    }
}

/// The last that a killed worker did in a chat may be done again, by another and before anything else.
fn is_interrupted(before: Record, record: Record, killed: u32) -> bool {
    before.number == record.number && before.worker == killed && record.worker != killed
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "once:         {}", self.once)?;
        writeln!(f, "twice:        {}", self.twice)?;
        writeln!(f, "never:        {}", self.never)?;
        writeln!(f, "out of order: {}", self.out_of_order)?;
        write!(
            f,
            "(of those once, {} were begun anew, as their worker was killed between the handler's end and the \
             note of it: at least once is what a queue can promise)",
            self.interrupted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(records: &[(u64, u32)]) -> Verdict {
        let record = |&(number, worker)| Record { number, worker };
        let book = [records.iter().map(record).collect()];
        Verdict::of(&book, 3, |_| 1, 13)
    }

    #[test]
    fn each_update_is_counted_by_its_records() {
        let good = verdict(&[(0, 13), (1, 13), (2, 7)]);
        assert_eq!((good.once, good.is_good()), (3, true));
        let never = verdict(&[(0, 13), (2, 7)]);
        assert_eq!((never.once, never.never, never.is_good()), (2, 1, false));
        let twice = verdict(&[(0, 13), (1, 7), (1, 7), (2, 7)]);
        assert_eq!((twice.once, twice.twice, twice.is_good()), (2, 1, false));
        let disordered = verdict(&[(1, 7), (0, 7), (2, 7)]);
        assert_eq!((disordered.out_of_order, disordered.is_good()), (1, false));
    }

    #[test]
    fn only_the_last_of_the_killed_worker_may_be_done_again() {
        let again = verdict(&[(0, 13), (0, 7), (1, 7), (2, 7)]);
        assert_eq!((again.once, again.interrupted), (3, 1));
        assert!(again.is_good());
        let too_late = verdict(&[(0, 13), (1, 13), (0, 7), (1, 7), (2, 7)]);
        assert!(!too_late.is_good());
        let by_another = verdict(&[(0, 7), (0, 13), (1, 7), (2, 7)]);
        assert!(!by_another.is_good());
    }
}
