//! Exactly-once effects on DynamoDB: claim, act, seal, with probes instead of hope.
