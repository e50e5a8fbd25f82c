//! The `seal-bills` function: a Lambda `bootstrap`, configured by its environment alone.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    ratchet_runtime::serve::function(seal_bills::SealBills::new).await
}
