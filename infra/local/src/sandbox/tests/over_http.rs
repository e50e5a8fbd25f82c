use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::sandbox::fault::Fault;
use crate::sandbox::{Provider, serve};

/// One request over a connection of its own; none where no answer came.
async fn send(address: SocketAddr, path: &str, body: Value) -> Option<(u16, Value)> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let request = http::Request::post(path)
        .header("host", address.to_string())
        .header("authorization", "Bearer xoxb-sandbox-token")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let exchange = async move {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    };
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

#[tokio::test]
async fn a_prefix_leads_to_the_provider_and_a_lost_answer_to_a_closed_connection() {
    let (sandbox, _) = sandbox();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = async {
        let message = json!({"channel": "C0123", "text": "over the wire"});
        let (status, body) = send(address, "/slack/api/chat.postMessage", message.clone())
            .await
            .unwrap();
        assert_eq!((status, &body["ok"]), (200, &json!(true)));
        sandbox.edit(|world, _| world.faults.plan(Provider::Slack, None, Fault::LoseReply, 1));
        assert_eq!(send(address, "/slack/api/chat.postMessage", message).await, None);
        assert_eq!(sandbox.effects().len(), 2);
        assert_eq!(send(address, "/nobody", json!({})).await.unwrap().0, 404);
    };
    tokio::select! {
        result = serve::serve(listener, sandbox.clone()) => panic!("{result:?}"),
        () = client => {}
    }
}
