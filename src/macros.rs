//! Methods that every service has, and errors that several backends have.

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

/// Defines an error of a backend, such as a database, whose cause is its source.
#[cfg(feature = "tokio")]
macro_rules! backend_error {
    ($(#[$doc:meta])* pub struct $name:ident; $what:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Box<dyn std::error::Error + Send + Sync>);

        impl $name {
            /// An error with this cause.
            pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
                Self(source.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($what)
            }
        }

        impl std::error::Error for $name {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&*self.0)
            }
        }
    };
}
