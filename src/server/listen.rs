//! A listener on an address, and the error that names the address.

use std::{error::Error, fmt, io};

use tokio::net::TcpListener;

/// Listens on an address.
pub(super) async fn listen(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|source| {
        let address = address.to_owned();
        io::Error::new(source.kind(), ListenError { address, source })
    })
}

/// The system's own error doesn't say what failed, nor at which address.
#[derive(Debug)]
struct ListenError {
    address: String,
    source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't listen on {}", self.address)
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_names_the_address() {
        let first = listen("127.0.0.1:0").await.unwrap();
        let taken = first.local_addr().unwrap().to_string();
        for (address, kind) in [
            (&*taken, io::ErrorKind::AddrInUse),
            ("8080", io::ErrorKind::InvalidInput),
        ] {
            let error = listen(address).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(error.to_string(), format!("can't listen on {address}"));
            assert!(format!("{error:?}").contains(address));
            let inner = error.get_ref().unwrap();
            assert!(inner.source().is_some());
        }
    }
}
