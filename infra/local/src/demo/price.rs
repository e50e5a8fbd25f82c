//! What a ticket costs, from list prices that stand here with their source. They are estimates: prices differ by region
//! and change, and none of these was checked against an invoice.

/// Dollars for a million input tokens. Source: the vendor's list price of a mid-size model in 2025; not checked since.
const INPUT_DOLLARS: f64 = 3.0;
/// Dollars for a million output tokens. Source: as above.
const OUTPUT_DOLLARS: f64 = 15.0;
/// Dollars for a million DynamoDB on-demand write units. Source: the list price for us-east-1 in 2025; not checked since.
const WRITE_DOLLARS: f64 = 0.625;
/// Dollars for a million SQS requests. Source: the list price for us-east-1 in 2025; not checked since.
const SQS_DOLLARS: f64 = 0.40;

/// Dollars for so many tokens, table writes and queue requests.
pub(super) fn dollars(input: u64, output: u64, writes: u64, queue_requests: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a demo are far below 2^52")]
    let millions = |count: u64| count as f64 / 1e6;
    millions(input) * INPUT_DOLLARS
        + millions(output) * OUTPUT_DOLLARS
        + millions(writes) * WRITE_DOLLARS
        + millions(queue_requests) * SQS_DOLLARS
}
