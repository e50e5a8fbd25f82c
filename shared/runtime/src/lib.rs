//! What every function needs around its five moves: configuration, batches, telemetry, HTTP.
