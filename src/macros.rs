//! Methods that every service has.

/// `get_ref`, `get_mut` and `into_inner` of a service, as tower-http's services have them. The inner service is
/// `self.inner`, unless another path is given.
macro_rules! inner_accessors {
    () => {
        inner_accessors!(inner);
    };
    ($($field:ident).+) => {
        /// The inner service.
        pub fn get_ref(&self) -> &S {
            &self.$($field).+
        }

        /// The inner service, mutably.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.$($field).+
        }

        /// Unwraps the inner service.
        pub fn into_inner(self) -> S {
            self.$($field).+
        }
    };
}
