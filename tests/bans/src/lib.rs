//! One violation for each ban of the root's `clippy.toml`, in its order.

/// Clocks: a step's body never reads one.
pub fn clocks() {
    let _ = std::time::SystemTime::now();
    let _ = std::time::Instant::now();
    let _ = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let _ = chrono::Utc::now();
    let _ = chrono::Local::now();
    let _ = jiff::Timestamp::now();
    let _ = jiff::Zoned::now();
    let _ = tokio::time::Instant::now();
}

/// The environment: read once, at cold start.
pub fn environment() {
    let _ = std::env::var("PATH");
    let _ = std::env::var_os("PATH");
    let _ = std::env::vars();
    let _ = std::env::vars_os();
}

/// Waiting and work beside the handler.
pub fn waiting() {
    std::thread::sleep(std::time::Duration::ZERO);
    let _ = std::thread::spawn(|| ());
    let _ = std::thread::Builder::new().spawn(|| ());
    drop(tokio::task::spawn_blocking(|| ()));
    drop(tokio::time::sleep_until(tokio::time::Instant::now()));
    drop(tokio::time::sleep(std::time::Duration::ZERO));
    drop(tokio::spawn(std::future::ready(())));
}

/// Randomness.
pub fn randomness() {
    let _ = uuid::Uuid::new_v4();
    let _ = uuid::Uuid::now_v7();
    let _: u8 = rand::random();
    let _ = rand::rng();
}

/// A time that was kept is no clock to read later.
pub fn since(kept: std::time::Instant) -> std::time::Duration {
    kept.elapsed()
}

/// A ban also bites where the function is only named.
pub fn by_name() -> fn() -> std::time::Instant {
    std::time::Instant::now
}

/// Collections without an order.
pub fn collections() -> (std::collections::HashMap<u8, u8>, std::collections::HashSet<u8>) {
    Default::default()
}
