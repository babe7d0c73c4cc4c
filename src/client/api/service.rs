//! [`BotApi`] as a service: how a call begins.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::{
    ApiBody, ApiRequest, ApiResponse,
    bot_api::BotApi,
    download::{self, Download},
    future::{ResponseFuture, State},
    local_files::FilePlace,
    opening::Opening,
    request::Target,
};
use crate::{
    body::{chunks, multipart},
    client::Error,
    telemetry::call_span,
};

impl<S, B> Service<ApiRequest> for BotApi<S>
where
    S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|error| Error::transport(error, false))
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let method = call.method_name();
        call_span::sent_to(
            call.extensions(),
            || self.address.host(),
            || self.address.template(&method),
        );
        let state = self
            .begin(call)
            .unwrap_or_else(|error| State::Failed { error: Some(error) });
        ResponseFuture::new(method, Arc::clone(&self.address), state)
    }
}

impl<S> BotApi<S> {
    fn begin<B>(&mut self, mut call: ApiRequest) -> Result<State<S, S::Future, B>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    {
        match call.target() {
            Target::File { path } => self.fetch_file(&call, path),
            Target::Method { uploads, .. } if uploads.is_empty() => {
                let limit = self.idle_limit(&call);
                let body = multipart::json(call.take_json());
                let request = self.encode(&call, body)?;
                let calling = self.send(request, limit, call.expected());
                Ok(State::Calling { calling })
            }
            Target::Method { json, uploads } if uploads.iter().any(chunks::needs_opening) => {
                let (json, uploads) = (json.clone(), uploads.clone());
                // The service that was polled ready makes the call.
                let opening = Opening::new(self.take(), call, json, uploads);
                Ok(State::Opening { opening })
            }
            Target::Method { json, uploads } => {
                let body = multipart::encode(json, uploads).map_err(Error::encode)?;
                let calling = self.upload(&call, body)?;
                Ok(State::Calling { calling })
            }
        }
    }

    /// Begins a download: from the server, or from this machine's disk where a server in local mode has put the file.
    fn fetch_file<B>(
        &mut self,
        call: &ApiRequest,
        path: &str,
    ) -> Result<State<S, S::Future, B>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let request = if download::is_on_disk(path) {
            match self.local_files.find(path)? {
                FilePlace::Disk(path) => {
                    let opening = Box::pin(Download::open(path));
                    return Ok(State::OpeningFile { opening });
                }
                FilePlace::Web(uri, authorization) => Self::fetch(uri, authorization),
            }
        } else {
            let authorization = self.address.authorization().cloned();
            Self::fetch(self.address.file(path)?, authorization)
        };
        let calling = self.send(request, self.idle_limit(call), call.expected());
        Ok(State::Calling { calling })
    }

    fn take(&mut self) -> Self
    where
        S: Clone,
    {
        let fresh = self.clone();
        std::mem::replace(self, fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        time::Duration,
    };

    use http::StatusCode;
    use tower::ServiceBuilder;

    use super::*;
    use crate::{
        Method,
        client::{BotToken, Client, ErrorKind},
        json,
        methods::{DeleteMessage, GetMe},
        types::ParseError,
    };

    fn token() -> BotToken {
        BotToken::new("123:secret").unwrap()
    }

    /// A client whose every call gets this response.
    fn client_with_response(status: u16, body: &'static str) -> Client {
        let http = tower::service_fn(move |request: Request<ApiBody>| async move {
            assert_eq!(request.method(), "POST");
            assert_eq!(request.uri(), "http://localhost:81/bot123:secret/getMe");
            let answer = Response::builder().status(status).body(body.to_owned());
            Ok::<_, Infallible>(answer.unwrap())
        });
        Client::from_service(BotApi::new(http, &token(), "http://localhost:81/").unwrap())
    }

    #[tokio::test]
    async fn a_result_is_typed() {
        let client = client_with_response(
            200,
            r#"{"ok":true,"result":{"id":123,"is_bot":true,"first_name":"B"},"description":"x"}"#,
        );
        assert_eq!(client.send(GetMe::new()).await.unwrap().id, 123);
    }

    /// Its output is the number, and how many results were read before.
    #[derive(serde::Serialize)]
    struct CountReads {}

    static READS: AtomicUsize = AtomicUsize::new(0);

    impl Method for CountReads {
        type Output = (i64, usize);
        const NAME: &'static str = "getMe";
        const IDEMPOTENT: bool = true;
        const DECODES_ONE_VALUE: bool = true;

        fn decode(result: &str) -> Result<Self::Output, ParseError> {
            let number = json::from_str(result)?;
            Ok((number, READS.fetch_add(1, Relaxed)))
        }
    }

    #[tokio::test]
    async fn a_result_is_read_once_and_layers_see_its_json() {
        let client = client_with_response(200, r#"{"ok":true,"result":7}"#);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let see = Arc::clone(&seen);
        let layered = ServiceBuilder::new()
            .map_response(move |response: ApiResponse| {
                see.lock().unwrap().push(response.result().cloned());
                response
            })
            .service(client.clone());
        let client_with_layer = Client::from_service(layered);
        assert_eq!(client_with_layer.send(CountReads {}).await.unwrap(), (7, 0));
        assert_eq!(*seen.lock().unwrap(), [Some("7".into())]);
        assert_eq!(READS.load(Relaxed), 1);

        // A result that a layer has put in its place is read, whatever was read before.
        let layered = ServiceBuilder::new()
            .map_response(|_: ApiResponse| ApiResponse::new("8"))
            .service(client);
        let replaced = Client::from_service(layered).send(CountReads {}).await;
        assert_eq!(replaced.unwrap(), (8, 2));
    }

    /// A layer sends another method than the caller's.
    #[tokio::test]
    async fn a_result_of_another_method_is_read_as_the_callers() {
        let me = r#"{"ok":true,"result":{"id":123,"is_bot":true,"first_name":"B"}}"#;
        let layered = ServiceBuilder::new()
            .map_request(|_: ApiRequest| ApiRequest::new(&GetMe::new()).unwrap().typed::<GetMe>())
            .service(client_with_response(200, me));
        let client = Client::from_service(layered);
        let other = client.send(DeleteMessage::new(1, 1)).await.unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Decode);
        assert_eq!(client.send(GetMe::new()).await.unwrap().id, 123);
    }

    #[tokio::test]
    async fn f5_a_refusal_has_its_code_description_and_parameters() {
        let error = client_with_response(
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
        )
        .send(GetMe::new())
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Api);
        assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(
            error.to_string(),
            "getMe: telegram refused the call: 429 Too Many Requests: retry after 7"
        );
    }

    #[tokio::test]
    async fn f5_a_response_of_another_program_has_its_status() {
        for body in [
            "<html>502</html>",
            "",
            "{\"ok\":true",
            "{}",
            "[]",
            "{\"ok\":true}",
        ] {
            let error = client_with_response(502, body)
                .send(GetMe::new())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{body}");
            assert_eq!(error.status(), Some(StatusCode::BAD_GATEWAY), "{body}");
        }
        let odd = client_with_response(200, r#"{"ok":true,"result":7}"#);
        assert_eq!(
            odd.send(GetMe::new()).await.unwrap_err().kind(),
            ErrorKind::Decode
        );
    }

    #[tokio::test]
    async fn a6_no_error_shows_the_token() {
        let http = tower::service_fn(|_: Request<ApiBody>| async {
            Err::<Response<String>, _>(std::io::Error::other("broken"))
        });
        let api = BotApi::new(http, &token(), "http://localhost").unwrap();
        let client = Client::from_service(api);
        let error = client.send(GetMe::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        for shown in [
            format!("{error} {error:?}"),
            format!("{client:?} {:?}", token()),
        ] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
