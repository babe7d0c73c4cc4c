#!/bin/sh
# rustdoc with its JSON, which is unstable, for `cargo xtask public-names`. The variable is set here and not for
# Cargo, because build scripts that look at it would run again, and most dependencies be built again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
