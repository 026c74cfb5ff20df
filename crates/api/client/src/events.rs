//! The node's events: server-sent events (WHATWG HTML, 9.2) as a stream of typed values. It never connects again by
//! itself: the caller knows what it missed, and the first event after connecting is always the whole state.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use corbel_node_api::Event;
use futures_util::Stream;
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep};

use crate::connection::Connection;
use crate::http::Answer;
use crate::{ClientError, Endpoint};

/// One event holds at most so much; more is not this API.
const EVENT_MAX: usize = 4 << 20;

/// The node breaks every silence after 15 seconds, so such a long one is a dead connection.
const SILENCE: Duration = Duration::from_secs(60);

/// Events as they happen: the node's own, or those of long work. Ends with `None` when the node ends it in order, with an error when it breaks.
pub struct EventStream<T = Event> {
    endpoint: Endpoint,
    body: Incoming,
    parser: Parser,
    ready: VecDeque<Vec<u8>>,
    ended: bool,
    silence: Pin<Box<Sleep>>,
    /// Dropping the stream closes the connection.
    _connection: Connection,
    of: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl<T> EventStream<T> {
    pub(crate) fn new(endpoint: Endpoint, answer: Answer) -> Self {
        Self {
            endpoint,
            body: answer.head.into_body(),
            parser: Parser::default(),
            ready: VecDeque::new(),
            ended: false,
            silence: Box::pin(tokio::time::sleep(SILENCE)),
            _connection: answer.connection,
            of: PhantomData,
        }
    }

    fn protocol(&self, problem: String) -> ClientError {
        ClientError::Protocol {
            endpoint: self.endpoint.clone(),
            problem,
        }
    }
}

impl<T: DeserializeOwned> Stream for EventStream<T> {
    type Item = Result<T, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(data) = this.ready.pop_front() {
                let event = serde_json::from_slice(&data)
                    .map_err(|e| this.protocol(format!("an event is not as described: {e}")));
                this.ended |= event.is_err();
                return Poll::Ready(Some(event));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                if this.silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.ended = true;
                let endpoint = this.endpoint.clone();
                return Poll::Ready(Some(Err(ClientError::Deadline {
                    endpoint,
                    limit: SILENCE,
                })));
            };
            this.silence.as_mut().reset(Instant::now() + SILENCE);
            match frame {
                None => this.ended = true,
                Some(Err(error)) => {
                    this.ended = true;
                    let endpoint = this.endpoint.clone();
                    return Poll::Ready(Some(Err(ClientError::Broken {
                        endpoint,
                        source: error.into(),
                    })));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && this.parser.feed(&data, &mut this.ready).is_err()
                    {
                        this.ended = true;
                        let problem = format!("an event is larger than {} KiB", EVENT_MAX >> 10);
                        return Poll::Ready(Some(Err(this.protocol(problem))));
                    }
                }
            }
        }
    }
}

/// Puts lines together to the `data` of events, whatever the pieces in which they arrive.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
}

/// An event beyond [`EVENT_MAX`].
#[derive(Debug)]
struct TooLarge;

impl Parser {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<Vec<u8>>) -> Result<(), TooLarge> {
        for &byte in bytes {
            // Lines end by LF, CR or CR LF.
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.end_line(events);
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                    if self.line.len() + self.data.len() > EVENT_MAX {
                        return Err(TooLarge);
                    }
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut VecDeque<Vec<u8>>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                events.push_back(data);
            }
        } else if let Some(value) = line.strip_prefix(b"data:") {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
        // Comments (keep-alive) and the other fields mean nothing here.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(pieces: &[&[u8]]) -> Vec<String> {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        for piece in pieces {
            parser.feed(piece, &mut events).expect("small");
        }
        events
            .into_iter()
            .map(|data| String::from_utf8(data).expect("text"))
            .collect()
    }

    #[test]
    fn events_are_put_together() {
        assert_eq!(parse(&[b": hello\n\ndata: {}\n\n"]), ["{}"]);
        assert_eq!(parse(&[b"event: x\r\ndata:1\r\ndata: 2\r\n\r\n"]), ["1\n2"]);
        assert_eq!(parse(&[b"data: a\r\rdata: b\n", b"\n"]), ["a", "b"]);
        assert_eq!(parse(&[b"data: cut"]), Vec::<String>::new());
    }

    #[test]
    fn an_endless_line_is_refused() {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        assert!(parser.feed(&vec![b'x'; EVENT_MAX + 1], &mut events).is_err());
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in "(data: ?[a-z]{0,5}|:|[\r\n]|x){0,30}", at: prop::sample::Index) {
            let bytes = text.as_bytes();
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(parse(&[bytes]), parse(&[first, second]));
        }
    }
}
