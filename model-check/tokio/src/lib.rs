//! Tokio with tasks that shuttle schedules, and with a switch to another task before each step of a
//! `oneshot`.
//!
//! Each call of Tokio's other primitives (`Mutex`, `Notify`) is one step here, because their inner steps
//! are covered by Tokio's own tests. Time stands still, so no time-out ends.

pub use real::*;

pub use self::task::spawn;

/// Tasks are scheduled by shuttle.
pub mod task {
    use std::{cell::Cell, future::Future};

    pub use real::task::*;
    pub use shuttle::future::{AbortHandle, JoinError, JoinHandle};

    thread_local! {
        // All tasks of a model run on one thread.
        static ALIVE: Cell<usize> = const { Cell::new(0) };
    }

    struct Alive;

    impl Alive {
        fn new() -> Self {
            ALIVE.set(ALIVE.get() + 1);
            Self
        }
    }

    impl Drop for Alive {
        fn drop(&mut self) {
            ALIVE.set(ALIVE.get() - 1);
        }
    }

    /// Runs a task.
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let alive = Alive::new();
        shuttle::future::spawn(async move {
            let _alive = alive;
            future.await
        })
    }

    /// How many tasks haven't ended. A model waits for them before it ends, because drops after that must
    /// not be steps.
    pub fn alive() -> usize {
        ALIVE.get()
    }
}

/// There is always a runtime.
pub mod runtime {
    use std::{convert::Infallible, future::Future};

    pub use real::runtime::*;

    /// A runtime's handle.
    #[derive(Clone, Debug)]
    pub struct Handle(());

    impl Handle {
        /// The only runtime.
        pub fn current() -> Self {
            Self(())
        }

        /// The only runtime.
        ///
        /// # Errors
        ///
        /// None.
        pub fn try_current() -> Result<Self, Infallible> {
            Ok(Self(()))
        }

        /// Runs a task.
        pub fn spawn<F>(&self, future: F) -> crate::task::JoinHandle<F::Output>
        where
            F: Future<Output: Send> + Send + 'static,
        {
            crate::task::spawn(future)
        }
    }
}

/// No time passes.
pub mod time {
    use std::future::Future;

    pub use real::time::*;

    /// Waits for the future without a limit.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn timeout<F: Future>(_: Duration, future: F) -> Result<F::Output, error::Elapsed> {
        Ok(future.await)
    }
}

/// Primitives with steps between which other tasks can run.
pub mod sync {
    pub use real::sync::*;

    /// A channel for one value.
    pub mod oneshot {
        use std::{
            future::Future,
            pin::Pin,
            task::{Context, Poll},
        };

        use real::sync::oneshot as plain;
        pub use real::sync::oneshot::error;
        use shuttle::sync::atomic::{AtomicBool, Ordering};

        /// A point at which shuttle can switch to another task.
        #[derive(Debug, Default)]
        struct Step(AtomicBool);

        impl Step {
            fn take(&self) {
                self.0.load(Ordering::SeqCst);
            }
        }

        /// The end that sends the value.
        #[derive(Debug)]
        pub struct Sender<T>(plain::Sender<T>, Step);

        /// The end that receives the value.
        #[derive(Debug)]
        pub struct Receiver<T>(plain::Receiver<T>, Step);

        /// Both ends of a channel.
        pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = plain::channel();
            (
                Sender(sender, Step::default()),
                Receiver(receiver, Step::default()),
            )
        }

        impl<T> Sender<T> {
            /// Sends the value.
            ///
            /// # Errors
            ///
            /// The value, if the receiver is gone.
            pub fn send(self, value: T) -> Result<(), T> {
                self.1.take();
                self.0.send(value)
            }

            /// Whether the receiver is gone.
            pub fn is_closed(&self) -> bool {
                self.1.take();
                self.0.is_closed()
            }
        }

        impl<T> Receiver<T> {
            /// Closes the channel.
            pub fn close(&mut self) {
                self.1.take();
                self.0.close();
            }

            /// The value, if it was sent.
            ///
            /// # Errors
            ///
            /// If the value wasn't sent, or the sender is gone.
            pub fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
                self.1.take();
                self.0.try_recv()
            }
        }

        impl<T> Future for Receiver<T> {
            type Output = Result<T, error::RecvError>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.1.take();
                Pin::new(&mut self.0).poll(cx)
            }
        }
    }
}
