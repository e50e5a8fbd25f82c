//! The same exchanges over real sockets: servers of the services on 127.0.0.1, and a client.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::api::{Addresses, Door, Unanswered};
use super::backend::Backend;
use super::doubles::Service;

/// The three services, each with a port of its own.
pub struct Servers {
    listeners: [(Service, TcpListener); 3],
}

impl Servers {
    /// Takes three free ports.
    pub async fn bind() -> io::Result<Self> {
        let port = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self {
            listeners: [
                (Service::Store, port().await?),
                (Service::Accounting, port().await?),
                (Service::Mail, port().await?),
            ],
        })
    }

    /// Where they are.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let [store, accounting, mail] = &self.listeners;
        let url = |listener: &TcpListener| listener.local_addr().map(|at: SocketAddr| format!("http://{at}"));
        Ok(Addresses {
            store: url(&store.1)?,
            accounting: url(&accounting.1)?,
            mail: url(&mail.1)?,
        })
    }

    /// Serves for as long as it is polled; it ends only with an error.
    pub async fn serve(&self, backend: &Backend) -> io::Error {
        let [store, accounting, mail] = &self.listeners;
        tokio::select! {
            error = serve(store.0, &store.1, backend) => error,
            error = serve(accounting.0, &accounting.1, backend) => error,
            error = serve(mail.0, &mail.1, backend) => error,
        }
    }
}

async fn serve(service: Service, listener: &TcpListener, backend: &Backend) -> io::Error {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let answers = service_fn(move |request| answer(service, backend, request));
                    connections.push(hyper::server::conn::http1::Builder::new()
                        .keep_alive(false)
                        .serve_connection(TokioIo::new(stream), answers));
                }
                Err(error) => return error,
            },
            // A connection that ends badly ends for its client as well, who knows what that means.
            Some(_) = connections.next(), if !connections.is_empty() => {}
        }
    }
}

/// An error closes the connection: no answer comes.
async fn answer(
    service: Service,
    backend: &Backend,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = backend.exchange(service, &Request::from_parts(head, body)).await;
    answer
        .map(|answer| answer.map(Full::new))
        .ok_or_else(|| io::Error::other("the answer is lost"))
}

/// A client: one connection for each request, nothing is sent twice.
pub struct Http;

#[async_trait]
impl Door for Http {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        let authority = request.uri().authority().ok_or(Unanswered::NotSent)?.to_string();
        let stream = TcpStream::connect(&authority)
            .await
            .map_err(|_| Unanswered::NotSent)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Unanswered::NotSent)?;
        let (mut head, body) = request.into_parts();
        let path = head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .parse();
        head.uri = path.map_err(|_| Unanswered::NotSent)?;
        let host = authority.parse().map_err(|_| Unanswered::NotSent)?;
        head.headers.insert(header::HOST, host);
        let exchange = async move {
            let answer = sender
                .send_request(Request::from_parts(head, Full::new(body)))
                .await
                .map_err(|_| Unanswered::Lost)?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(|_| Unanswered::Lost)?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // The connection ends with its sender; what it ends with, the answer has said already.
        let (answer, _) = tokio::join!(exchange, connection);
        answer
    }
}
