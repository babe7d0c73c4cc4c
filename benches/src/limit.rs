//! Limits on the cost of a path.

use crate::count::Cost;

/// The highest cost of one round, without the cost that the path shares with the one that it is compared
/// with.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The path's name.
    pub path: &'static str,
    instructions: f64,
    allocations: f64,
}

impl Limit {
    /// A limit on instructions and allocations.
    pub const fn new(path: &'static str, instructions: f64, allocations: f64) -> Self {
        Self {
            path,
            instructions,
            allocations,
        }
    }

    /// Checks a cost.
    ///
    /// # Errors
    ///
    /// A sentence about the limit that is exceeded.
    pub fn check(&self, cost: Cost) -> Result<(), String> {
        // A table that grows from time to time adds less than one allocation in a hundred rounds.
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
    fn a_cost_over_either_limit_is_named() {
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
