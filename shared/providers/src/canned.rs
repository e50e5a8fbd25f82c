//! A transport for tests that plays back a list of answers and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::transport::{Transport, TransportError};
use crate::wire::Wire;

/// 2026-11-21T10:00:00Z.
pub(crate) const NOW_MS: u64 = 1_795_255_200_000;

type Answer = Result<Response<Bytes>, TransportError>;

#[derive(Default)]
pub(crate) struct Canned {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Canned {
    /// Plays `(status, body)` in order.
    pub(crate) fn new(answers: &[(u16, &str)]) -> Self {
        answers.iter().fold(Self::default(), |canned, (status, body)| {
            canned.then(*status, &[], body)
        })
    }

    pub(crate) fn then(self, status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Bytes::copy_from_slice(body.as_ref()));
        self.push(response.map_err(|error| TransportError::NotSent(error.to_string())))
    }

    pub(crate) fn then_fails(self, error: TransportError) -> Self {
        self.push(Err(error))
    }

    fn push(self, answer: Answer) -> Self {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(answer);
        self
    }

    pub(crate) fn wire(&self) -> Wire<'_> {
        Wire::new(self, NOW_MS).waiting(60_000)
    }

    /// `METHOD address` of every request, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.each(|request| format!("{} {}", request.method(), request.uri()))
    }

    /// The body of every request, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.each(|request| String::from_utf8_lossy(request.body()).into_owned())
    }

    /// One header of every request, in order; a sensitive one is preceded by `!`.
    pub(crate) fn headers(&self, name: &str) -> Vec<Option<String>> {
        self.each(|request| {
            let value = request.headers().get(name)?;
            let mark = if value.is_sensitive() { "!" } else { "" };
            Some(format!("{mark}{}", value.to_str().unwrap_or("?")))
        })
    }

    fn each<T>(&self, read: impl Fn(&Request<Bytes>) -> T) -> Vec<T> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(read)
            .collect()
    }
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Request<Bytes>) -> Answer {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        let next = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        next.unwrap_or_else(|| Err(TransportError::NotSent("no answer is left".to_owned())))
    }
}
