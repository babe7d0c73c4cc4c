//! What every service repeats.

/// `get_ref`, `get_mut` and `into_inner` of a service over `self.inner`, as tower-http's services have them.
macro_rules! inner_accessors {
    () => {
        /// The inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// The inner service, to be changed.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// The inner service alone.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}
