//! Every function in one binary, for `cargo test`, which builds no other package's; the name chooses, as Lambda sets it.

use ratchet_runtime::config::Env;
use ratchet_runtime::serve::{function, queue_stage};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let env = Env::of_process();
    match env.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default() {
        "webhook" => function(webhook::Webhook::new).await,
        "replay" => function(replay::Replay::new).await,
        "extract" => queue_stage(extract::Extract::new).await,
        "map" => queue_stage(map::Map::new).await,
        "qualify" => queue_stage(qualify::Qualify::new).await,
        "fan-out" => queue_stage(fan_out::FanOut::new).await,
        "open-pr" => queue_stage(open_pr::OpenPr::new).await,
        "publish-rca" => queue_stage(publish_rca::PublishRca::new).await,
        "notify" => queue_stage(notify::Notify::new).await,
        other => Err(format!("no function `{other}`").into()),
    }
}
