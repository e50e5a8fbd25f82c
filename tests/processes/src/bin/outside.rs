//! Everything outside of the functions, as a process of its own.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    ratchet_processes::outside::run().await
}
