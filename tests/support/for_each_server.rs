//! The tests of a row, one behind each server.

/// A test for each server, named after the server: `a1_some_row::hyper`. The row is an ordinary function
/// that takes the server. `sockets:` selects the servers with connections, and `threads:` runs the tests on
/// several threads. The macro `servers` beside the servers lists them.
macro_rules! for_each_server {
    (sockets: $($row:ident)*) => {$(
        crate::support::servers::servers! { sockets $row #[tokio::test] }
    )*};
    (threads: $($row:ident)*) => {$(
        crate::support::servers::servers! { all $row
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        }
    )*};
    ($($row:ident)*) => {$(
        crate::support::servers::servers! { all $row #[tokio::test] }
    )*};
}

/// The tests of a row behind the listed servers.
macro_rules! tests_of_row {
    ($row:ident #[$test:meta] $($name:ident: $server:ident),*) => {
        mod $row {$(
            #[$test]
            async fn $name() {
                super::$row(crate::support::servers::Server::$server).await;
            }
        )*}
    };
}
pub(crate) use {for_each_server, tests_of_row};
