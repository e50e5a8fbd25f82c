//! The AWS services alone, for functions that run as processes of their own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use ratchet_guard::clock::SystemClock;
use tokio::net::TcpListener;

use crate::aws::Aws;
use crate::cloud::Cloud;
use crate::serve::serve;

/// Serves an account in memory with the template's tables and queues on 127.0.0.1, until it is ended.
///
/// The first line that it prints is the endpoint, to be put into `AWS_ENDPOINT_URL`; 0 takes a free port.
///
/// # Errors
/// When the port is taken or a resource cannot be made.
pub async fn run(port: u16) -> Result<()> {
    let aws = Aws::memory(Arc::new(SystemClock))?;
    let cloud = Cloud::deploy(aws, BTreeMap::new()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("port {port} cannot be listened on"))?;
    println!("http://{}", listener.local_addr()?);
    match serve(listener, cloud.aws, None).await? {}
}
