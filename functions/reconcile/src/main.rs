//! The `reconcile` function: a Lambda `bootstrap`, configured by its environment alone.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    ratchet_runtime::serve::function(reconcile::Reconcile::new).await
}
