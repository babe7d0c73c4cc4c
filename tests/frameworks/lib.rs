//! An empty library: the package is its tests, which run tower-telegram behind other web frameworks and as a function
//! of AWS Lambda.
