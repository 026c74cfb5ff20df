//! One request and its answer: limits, deadlines, and the node's errors turned into [`ClientError`].

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use corbel_node_api::{ErrorBody, ErrorKind, Operation};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Connection;
use crate::{ApiError, Client, ClientError, Endpoint};

/// What is sent; an error of the body is an error of an upload's source.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// More than the list of ten thousand machines; a server that sends more is not a node.
const ANSWER_MAX: usize = 16 << 20;

/// A refusal is one sentence.
const REFUSAL_MAX: usize = 64 << 10;

/// An answer whose head was read, with the connection that carries its body.
pub(crate) struct Answer {
    pub(crate) head: Response<Incoming>,
    pub(crate) connection: Connection,
}

/// A body that is at hand.
pub(crate) fn full(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

impl Client {
    /// Sends `request` and reads a JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request<RequestBody>) -> Result<T, ClientError> {
        let body = self.whole(request).await?;
        serde_json::from_slice(&body).map_err(|e| self.protocol(format!("the answer is not as described: {e}")))
    }

    /// Sends `request` and reads an answer that is text.
    pub(crate) async fn text(&self, request: Request<RequestBody>) -> Result<String, ClientError> {
        let body = self.whole(request).await?;
        String::from_utf8(body.into()).map_err(|_| self.protocol("the answer is not UTF-8".into()))
    }

    /// Sends `request` and reads an answer that is bytes, in as long as `limit`.
    pub(crate) async fn bytes(&self, request: Request<RequestBody>, limit: Duration) -> Result<Bytes, ClientError> {
        self.within(limit, async {
            let answer = self.send(request).await?;
            self.finish(answer).await
        })
        .await
    }

    /// Sends `request`; the answer's body does not matter.
    pub(crate) async fn done(&self, request: Request<RequestBody>) -> Result<(), ClientError> {
        self.whole(request).await.map(drop)
    }

    async fn whole(&self, request: Request<RequestBody>) -> Result<Bytes, ClientError> {
        self.bytes(request, self.answer_limit).await
    }

    /// Holds an operation to a deadline.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        operation: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        tokio::time::timeout(limit, operation)
            .await
            .map_err(|_| ClientError::Deadline {
                endpoint: self.endpoint.clone(),
                limit,
            })?
    }

    /// Reads the rest of a good answer, and keeps the connection for the next request.
    pub(crate) async fn finish(&self, answer: Answer) -> Result<Bytes, ClientError> {
        let body = self.collect(answer.head.into_body(), ANSWER_MAX).await?;
        self.keep(answer.connection);
        Ok(body)
    }

    /// Sends a request and reads the head of its answer. A refusal by the node is an error.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Answer, ClientError> {
        let host = match &self.endpoint {
            Endpoint::Local(_) => HeaderValue::from_static("localhost"),
            Endpoint::Remote(remote) => HeaderValue::try_from(remote.to_string())
                .map_err(|_| self.protocol("the host name does not fit into a request".into()))?,
        };
        request.headers_mut().insert(header::HOST, host);
        if let Some(authorization) = &self.authorization {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, authorization.clone());
        }
        let (mut connection, mut used_before) = match self.take_idle() {
            Some(connection) => (connection, true),
            None => (self.connect().await?, false),
        };
        // A GET changes nothing, so it may be asked twice.
        let mut again = (request.method() == Method::GET).then(|| copy(&request));
        let head = loop {
            // The node may have closed an idle connection just now. A new one that fails is a failure.
            if let Err(error) = connection.sender.ready().await {
                if !used_before {
                    return Err(self.broken(error));
                }
            } else {
                let mut error = match connection.sender.try_send_request(request).await {
                    Ok(head) => break head,
                    Err(error) => error,
                };
                match error.take_message().or_else(|| again.take()) {
                    Some(copy) if used_before => request = copy,
                    _ => return Err(self.broken(error.into_error())),
                }
            }
            (connection, used_before) = (self.connect().await?, false);
        };
        if head.status().is_success() || head.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Answer { head, connection });
        }
        Err(self.refusal(head).await)
    }

    /// The node's `error` object, or what may be said of an answer without one.
    async fn refusal(&self, head: Response<Incoming>) -> ClientError {
        let status = head.status();
        let body = match self.collect(head.into_body(), REFUSAL_MAX).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(body) => {
                let error = body.error;
                ClientError::Api(ApiError {
                    kind: error.kind,
                    field: error.field,
                    message: one_line(&error.message),
                })
            }
            // A proxy or a router answered in its own words. Only who may ask is plain from the number alone.
            Err(_) => match status {
                StatusCode::UNAUTHORIZED => {
                    self.answered(ErrorKind::Unauthorized, "the node wants to know who is asking")
                }
                StatusCode::FORBIDDEN => self.answered(ErrorKind::Forbidden, "the node does not allow this"),
                _ => self.protocol(format!("status {} without an error object", status.as_u16())),
            },
        }
    }

    fn answered(&self, kind: ErrorKind, message: &str) -> ClientError {
        ClientError::Api(ApiError {
            kind,
            field: None,
            message: message.into(),
        })
    }

    async fn collect(&self, mut body: Incoming, max: usize) -> Result<Bytes, ClientError> {
        let too_large = || self.protocol(format!("the answer is larger than {} KiB", max >> 10));
        if body.size_hint().lower() > max as u64 {
            return Err(too_large());
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|e| self.broken(e))?.into_data() {
                if whole.len() + data.len() > max {
                    return Err(too_large());
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.freeze())
    }

    pub(crate) fn protocol(&self, problem: String) -> ClientError {
        ClientError::Protocol {
            endpoint: self.endpoint.clone(),
            problem,
        }
    }

    /// hyper tells an answer that is no HTTP from a lost connection; so do we. An upload's own error comes back through
    /// it too, and is unpacked.
    pub(crate) fn broken(&self, error: hyper::Error) -> ClientError {
        if error.is_parse() || error.is_parse_too_large() || error.is_parse_status() {
            return self.protocol(format!("the answer is not HTTP ({error})"));
        }
        if error.is_user()
            && let Some(source) = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<std::io::Error>())
        {
            return ClientError::Source {
                source: std::io::Error::new(source.kind(), source.to_string()),
            };
        }
        ClientError::Broken {
            endpoint: self.endpoint.clone(),
            source: error.into(),
        }
    }
}

/// The same request once more, for one that has no body.
fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(full(Bytes::new()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// A message of the node as one line without control characters: it goes to a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(2000)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A request without a body. `name` is the object's, or empty where the path has none.
pub(crate) fn bare(operation: Operation, name: &str) -> Request<RequestBody> {
    build(operation, name, None, full(Bytes::new()))
}

/// A request with a JSON body.
pub(crate) fn json(operation: Operation, name: &str, value: &impl Serialize) -> Request<RequestBody> {
    let body = serde_json::to_vec(value).expect("wire types have string keys only, so they are always JSON");
    build(operation, name, Some("application/json"), full(body))
}

/// Any request.
pub(crate) fn build(
    operation: Operation,
    name: &str,
    content_type: Option<&'static str>,
    body: RequestBody,
) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = match operation.route().method {
        corbel_node_api::Method::Get => Method::GET,
        corbel_node_api::Method::Post => Method::POST,
        corbel_node_api::Method::Put => Method::PUT,
        corbel_node_api::Method::Delete => Method::DELETE,
    };
    set_path(&mut request, operation.path(name));
    if let Some(content_type) = content_type {
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    request
}

/// Replaces the path, for the one route that takes a query.
pub(crate) fn set_path(request: &mut Request<RequestBody>, path: String) {
    *request.uri_mut() = path
        .try_into()
        .expect("a path of constants and percent-encoded segments is a URI");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_name_makes_a_request(name in ".{0,60}") {
            let request = bare(Operation::ShowVm, &name);
            prop_assert!(request.uri().path().starts_with("/v1/vms/"));
            prop_assert_eq!(request.uri().query(), None);
        }

        #[test]
        fn messages_reach_the_terminal_tame(message in any::<String>()) {
            prop_assert!(!one_line(&message).chars().any(char::is_control));
        }
    }
}
