//! The services over a socket, through the AWS SDK's own HTTP client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_guard::clock::SystemClock;
use ratchet_guard::schema::create_ledger_table;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::serve;
use crate::aws::{Aws, Broken, Call, Choke, Next, Reply};

fn config(address: SocketAddr) -> SdkConfig {
    let credentials = Credentials::from_keys("local", "local", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// Runs `script` against the account while it is served.
async fn served<F: Future<Output = ()>>(
    aws: &Aws,
    choke: Option<Arc<dyn Choke>>,
    script: impl FnOnce(SocketAddr) -> F,
) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::select! {
        ended = serve(listener, aws.clone(), choke) => panic!("the listener failed: {ended:?}"),
        () = script(address) => {}
    }
}

fn account() -> Aws {
    Aws::memory(Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn sdk_reaches_both_services_at_one_port() {
    let aws = account();
    served(&aws, None, |address| async move {
        let config = config(address);
        let (dynamo, sqs) = (
            aws_sdk_dynamodb::Client::new(&config),
            aws_sdk_sqs::Client::new(&config),
        );
        create_ledger_table(&dynamo, "ledger").await.unwrap();
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = || {
            let request = dynamo
                .put_item()
                .table_name("ledger")
                .item("subject", text("a"))
                .item("step", text("b"));
            request
                .condition_expression("attribute_not_exists(subject)")
                .send()
        };
        put().await.unwrap();
        let lost = put().await.unwrap_err().into_service_error();
        assert!(lost.is_conditional_check_failed_exception(), "{lost:?}");

        let url = sqs
            .create_queue()
            .queue_name("work")
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap();
        assert_eq!(url, format!("http://{address}/000000000000/work"));
        sqs.send_message()
            .queue_url(&url)
            .message_body("hello")
            .send()
            .await
            .unwrap();
        let received = sqs.receive_message().queue_url(&url).send().await.unwrap();
        assert_eq!(received.messages()[0].body(), Some("hello"));
        let missing = sqs
            .get_queue_url()
            .queue_name("none")
            .send()
            .await
            .unwrap_err()
            .into_service_error();
        assert!(missing.is_queue_does_not_exist(), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn receive_waits_for_what_arrives_and_for_what_becomes_due() {
    let aws = account();
    served(&aws, None, |address| async move {
        let sqs = aws_sdk_sqs::Client::new(&config(address));
        let url = sqs
            .create_queue()
            .queue_name("work")
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap();
        let receive = |seconds| {
            let request = sqs.receive_message().queue_url(&url).wait_time_seconds(seconds);
            async move { request.send().await.unwrap().messages.unwrap_or_default() }
        };
        assert!(receive(1).await.is_empty());
        let send = async {
            sqs.send_message()
                .queue_url(&url)
                .message_body("now")
                .send()
                .await
                .unwrap();
        };
        let (received, ()) = tokio::join!(receive(20), send);
        assert_eq!(received[0].body(), Some("now"));
        sqs.send_message()
            .queue_url(&url)
            .message_body("soon")
            .delay_seconds(1)
            .send()
            .await
            .unwrap();
        assert_eq!(receive(20).await[0].body(), Some("soon"));
    })
    .await;
}

/// Applies the first request and closes the connection without an answer.
#[derive(Debug, Default)]
struct Silent(AtomicU32);

#[async_trait]
impl Choke for Silent {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let reply = next.apply();
        assert_eq!(call.attempt, self.0.fetch_add(1, Ordering::SeqCst) + 1);
        if call.attempt == 1 {
            Err(Broken::Reset)
        } else {
            Ok(reply)
        }
    }
}

#[tokio::test]
async fn withheld_answer_makes_the_sdk_send_again() {
    let aws = account();
    aws.link()
        .sqs()
        .create_queue()
        .queue_name("work")
        .send()
        .await
        .unwrap();
    served(&aws, Some(Arc::new(Silent::default())), |address| async move {
        let sqs = aws_sdk_sqs::Client::new(&config(address));
        let url = format!("http://{address}/000000000000/work");
        sqs.send_message()
            .queue_url(url)
            .message_body("x")
            .send()
            .await
            .unwrap();
    })
    .await;
    assert_eq!(aws.sqs.depth("work").visible, 2);
}

async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_is_no_request_of_the_protocol_is_refused() {
    served(&account(), None, |address| async move {
        for (request, status) in [
            ("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "HTTP/1.1 200"),
            ("PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 404"),
            ("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 404"),
            (
                "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-target: Other.Do\r\ncontent-length: 2\r\n\r\n{}",
                "HTTP/1.1 400",
            ),
            (
                "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-target: AmazonSQS.SendMessage\r\ncontent-length: 1\r\n\r\n{",
                "HTTP/1.1 400",
            ),
        ] {
            let answer = raw(address, request).await;
            assert!(answer.starts_with(status), "{request}: {answer}");
        }
    })
    .await;
}
