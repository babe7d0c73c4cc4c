//! Nothing: what is here is in `tests/`, tower-telegram with the update types of other crates, and
//! behind servers that are too heavy for its own tests.
