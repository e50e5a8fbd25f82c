//! From the bytes of a request to the bytes of its answer: one parse, one action, one print.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dynoxide::DynoxideError;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::actions::{
    batch_get_item, batch_write_item, create_table, delete_item, delete_table, describe_table,
    describe_time_to_live, get_item, list_tables, put_item, query, scan, transact_get_items,
    transact_write_items, update_item, update_table, update_time_to_live,
};
use dynoxide::storage::Storage;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// HTTP status and body.
pub(super) type Answer = (u16, String);

const UNKNOWN: &str = r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;
const BROKEN: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"the embedded store is broken"}"#;

/// How the emulator marks, in a parse error, that the service would call the value invalid.
const INVALID_MARKS: [&str; 3] = ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"];

/// The store's lock is lost to a panic, or its content to a failed replacement.
pub(super) fn broken() -> Answer {
    (500, BROKEN.to_owned())
}

/// Whether a success of `operation` changes what the emulator remembers of the tables.
pub(super) fn redefines(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable" | "DeleteTable" | "UpdateTable" | "UpdateTimeToLive"
    )
}

/// What a success of an operation may have written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    /// Rows of these tables.
    Tables(Vec<String>),
    Anything,
}

/// What a success of `operation` with this body may have written.
pub(super) fn writes(operation: &str, body: &[u8]) -> Written {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct One {
        table_name: String,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Many {
        transact_items: Vec<std::collections::BTreeMap<String, One>>,
    }
    let tables = match operation {
        "GetItem" | "Query" | "Scan" | "TransactGetItems" | "BatchGetItem" | "DescribeTable"
        | "ListTables" | "DescribeTimeToLive" => return Written::Nothing,
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            serde_json::from_slice(body).map(|One { table_name }| vec![table_name])
        }
        "TransactWriteItems" => serde_json::from_slice(body).map(|Many { transact_items }| {
            let parts = transact_items
                .into_iter()
                .flat_map(std::collections::BTreeMap::into_values);
            parts.map(|part| part.table_name).collect()
        }),
        _ => return Written::Anything,
    };
    tables.map_or(Written::Anything, Written::Tables)
}

/// Runs `operation` on the store.
pub(super) fn answer(storage: &Storage, operation: &str, body: &[u8]) -> Answer {
    // Vector indexes have a life of their own in the emulator; no table here has one.
    let vectors = VectorIndexLifecycle::new;
    match operation {
        "PutItem" => run(body, |request| at_once(put_item::execute(storage, request))),
        "UpdateItem" => run(body, |request| at_once(update_item::execute(storage, request))),
        "GetItem" => run(body, |request| at_once(get_item::execute(storage, request))),
        "DeleteItem" => run(body, |request| at_once(delete_item::execute(storage, request))),
        "Query" => run(body, |request| at_once(query::execute(storage, request))),
        "Scan" => run(body, |request| at_once(scan::execute(storage, request))),
        "TransactWriteItems" => run(body, |request| {
            at_once(transact_write_items::execute(storage, request))
        }),
        "TransactGetItems" => run(body, |request| {
            at_once(transact_get_items::execute(storage, request))
        }),
        "BatchGetItem" => run(body, |request| at_once(batch_get_item::execute(storage, request))),
        "BatchWriteItem" => run(body, |request| {
            at_once(batch_write_item::execute(storage, request))
        }),
        "CreateTable" => run(body, |request| at_once(create_table::execute(storage, request))),
        "UpdateTable" => run(body, |request| {
            at_once(update_table::execute(storage, request, &vectors()))
        }),
        "DeleteTable" => run(body, |request| {
            at_once(delete_table::execute(storage, request, &vectors()))
        }),
        "DescribeTable" => run(body, |request| {
            at_once(describe_table::execute(storage, request, &vectors()))
        }),
        "ListTables" => run(body, |request| at_once(list_tables::execute(storage, request))),
        "UpdateTimeToLive" => run(body, |request| {
            at_once(update_time_to_live::execute(storage, request))
        }),
        "DescribeTimeToLive" => run(body, |request| {
            at_once(describe_time_to_live::execute(storage, request))
        }),
        _ => (400, UNKNOWN.to_owned()),
    }
}

fn run<Q: DeserializeOwned, R: Serialize>(
    body: &[u8],
    action: impl FnOnce(Q) -> Result<R, DynoxideError>,
) -> Answer {
    let outcome = serde_json::from_slice(body)
        .map_err(|error| unreadable(&error))
        .and_then(action)
        .and_then(|response| {
            serde_json::to_string(&response)
                .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
        });
    match outcome {
        Ok(json) => (200, json),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

/// The emulator's actions are `async` for a backend in the browser; over `SQLite` they never wait.
pub(super) fn at_once<R>(future: impl Future<Output = Result<R, DynoxideError>>) -> Result<R, DynoxideError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(DynoxideError::InternalServerError(
            "the embedded store waited".to_owned(),
        )),
    }
}

fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    if let Some(invalid) = INVALID_MARKS.iter().find_map(|mark| text.strip_prefix(mark)) {
        return DynoxideError::ValidationException(invalid.to_owned());
    }
    match error.classify() {
        serde_json::error::Category::Data if !text.contains("invalid type") => {
            DynoxideError::ValidationException(text.to_owned())
        }
        serde_json::error::Category::Data
        | serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => DynoxideError::SerializationException(text.to_owned()),
    }
}
