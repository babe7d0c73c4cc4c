//! The traits of teloxide that both kinds of request have.

/// Implements them for a struct with the field `payload`, which can be sent if its payload has the bounds.
macro_rules! request_traits {
    ($request:ident, $($bound:tt)+) => {
        impl<P> std::future::IntoFuture for $request<P>
        where
            P: $($bound)+ + 'static,
            P::Output: serde_core::de::DeserializeOwned,
        {
            type Output = Result<P::Output, teloxide::RequestError>;
            type IntoFuture = SendFuture<P::Output>;

            fn into_future(self) -> Self::IntoFuture {
                teloxide::requests::Request::send(self)
            }
        }

        impl<P: teloxide::requests::Payload> teloxide::requests::HasPayload for $request<P> {
            type Payload = P;

            fn payload_mut(&mut self) -> &mut P {
                &mut self.payload
            }

            fn payload_ref(&self) -> &P {
                &self.payload
            }
        }

        impl<P> std::ops::Deref for $request<P> {
            type Target = P;

            fn deref(&self) -> &P {
                &self.payload
            }
        }

        impl<P> std::ops::DerefMut for $request<P> {
            fn deref_mut(&mut self) -> &mut P {
                &mut self.payload
            }
        }

        /// The name of the method alone: the parameters may be private messages.
        impl<P: teloxide::requests::Payload> std::fmt::Debug for $request<P> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let name = stringify!($request);
                f.debug_tuple(name).field(&P::NAME).finish()
            }
        }
    };
}
pub(super) use request_traits;
