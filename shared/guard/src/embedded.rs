//! A DynamoDB in this process, for tests, examples and a laptop.
