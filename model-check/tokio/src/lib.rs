//! Tokio, with tasks that shuttle schedules, and a choice of who goes on before each step of a `oneshot`.
//!
//! Each call of Tokio's other primitives (`Mutex`, `Notify`) is one step here: what happens within them is
//! for Tokio's own tests. Time stands still: no time-out passes.

pub use real::*;

pub use self::task::spawn;

/// Tasks are shuttle's.
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

    /// How many tasks aren't at their ends. A model waits for them before it ends: what drops then must
    /// take no step.
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
        /// The one that is there.
        pub fn current() -> Self {
            Self(())
        }

        /// The one that is there.
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

    /// Waits for as long as it takes.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn timeout<F: Future>(_: Duration, future: F) -> Result<F::Output, error::Elapsed> {
        Ok(future.await)
    }
}

/// With steps between which others may go on.
pub mod sync {
    pub use real::sync::*;

    /// A value for one who waits.
    pub mod oneshot {
        use std::{
            future::Future,
            pin::Pin,
            task::{Context, Poll},
        };

        use real::sync::oneshot as plain;
        pub use real::sync::oneshot::error;
        use shuttle::sync::atomic::{AtomicBool, Ordering};

        /// Where shuttle may have another go on.
        #[derive(Debug, Default)]
        struct Step(AtomicBool);

        impl Step {
            fn take(&self) {
                self.0.load(Ordering::SeqCst);
            }
        }

        /// Who has the value.
        #[derive(Debug)]
        pub struct Sender<T>(plain::Sender<T>, Step);

        /// Who waits.
        #[derive(Debug)]
        pub struct Receiver<T>(plain::Receiver<T>, Step);

        /// Both ends.
        pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = plain::channel();
            (
                Sender(sender, Step::default()),
                Receiver(receiver, Step::default()),
            )
        }

        impl<T> Sender<T> {
            /// Sends it.
            ///
            /// # Errors
            ///
            /// The value, if nobody waits.
            pub fn send(self, value: T) -> Result<(), T> {
                self.1.take();
                self.0.send(value)
            }

            /// Whether nobody waits.
            pub fn is_closed(&self) -> bool {
                self.1.take();
                self.0.is_closed()
            }
        }

        impl<T> Receiver<T> {
            /// Waits no more.
            pub fn close(&mut self) {
                self.1.take();
                self.0.close();
            }

            /// What is there.
            ///
            /// # Errors
            ///
            /// When nothing is there.
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
