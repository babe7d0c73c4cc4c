//! An empty library: the package is its tests, which build each example outside of this workspace.
