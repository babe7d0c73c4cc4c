//! An empty library: the package is its tests, which run tower-telegram with the update types of other
//! crates, and behind servers that are too heavy for its own tests.
