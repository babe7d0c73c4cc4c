//! Functions that the fuzz targets share.

pub mod json;
pub mod mutate;

#[allow(dead_code, unexpected_cfgs)]
#[path = "../../tests/support/generate.rs"]
mod generate;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// The output of a future that never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
