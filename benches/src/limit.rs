//! What a way may cost at most.

use crate::count::Cost;

/// What a round may cost, without what the way has in common with the one that it's compared with.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The way's name.
    pub path: &'static str,
    instructions: f64,
    allocations: f64,
}

impl Limit {
    /// So many of either, and no more.
    pub const fn new(path: &'static str, instructions: f64, allocations: f64) -> Self {
        Self {
            path,
            instructions,
            allocations,
        }
    }

    /// Whether a cost is within it.
    ///
    /// # Errors
    ///
    /// A sentence for people, when it is over.
    pub fn check(&self, cost: Cost) -> Result<(), String> {
        // A table that grows now and then is less than one in a hundred rounds.
        let allocations = (cost.allocations * 10.0).round() / 10.0;
        let over = |what, counted: f64, most: f64| {
            let path = self.path;
            Err(format!("{path}: {counted:.1} {what}, at most {most:.0}"))
        };
        if cost.instructions > self.instructions {
            over("instructions", cost.instructions, self.instructions)
        } else if allocations > self.allocations {
            over("allocations", allocations, self.allocations)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_either_limit_is_named() {
        let limit = Limit::new("a/way", 100.0, 3.0);
        let check = |instructions, allocations| {
            limit.check(Cost {
                instructions,
                allocations,
                bytes: 0.0,
            })
        };
        assert_eq!(check(100.0, 3.01), Ok(()));
        let over = "a/way: 100.5 instructions, at most 100";
        assert_eq!(check(100.5, 0.0), Err(over.to_owned()));
        let over = "a/way: 3.5 allocations, at most 3";
        assert_eq!(check(0.0, 3.5), Err(over.to_owned()));
    }
}
