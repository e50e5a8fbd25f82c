//! Zendesk's two ways of paging: by cursor where `page[size]` is given, by number otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sandbox::ask::Ask;
use crate::sandbox::reply::{self, Reply};

const SIZE_MAX: usize = 100;

/// One page of `items` under the name `name`; the items are in creation order and `sort` may turn them.
/// The second value is what the page holds, for sideloading.
pub(crate) fn page(
    ask: &Ask<'_>,
    name: &str,
    path: &str,
    mut items: Vec<(u64, Value)>,
) -> Result<(Value, Vec<Value>), Reply> {
    if ask.param("sort") == Some("-created_at") || ask.param("sort_order") == Some("desc") {
        items.reverse();
    }
    match ask.param("page[size]") {
        Some(size) => by_cursor(ask, name, path, size, &items),
        None => Ok(by_number(ask, name, path, &items)),
    }
}

fn by_cursor(
    ask: &Ask<'_>,
    name: &str,
    path: &str,
    size: &str,
    items: &[(u64, Value)],
) -> Result<(Value, Vec<Value>), Reply> {
    let size = match size.parse::<usize>() {
        Ok(size) if (1..=SIZE_MAX).contains(&size) => size,
        Ok(_) | Err(_) => return Err(invalid("page[size] must be between 1 and 100")),
    };
    let start = match ask.param("page[after]") {
        None => 0,
        Some(cursor) => {
            let after = read_cursor(cursor).ok_or_else(|| invalid("page[after] is not valid"))?;
            items
                .iter()
                .position(|(id, _)| *id == after)
                .map_or(items.len(), |index| index + 1)
        }
    };
    let shown: Vec<&(u64, Value)> = items.iter().skip(start).take(size).collect();
    let has_more = start + shown.len() < items.len();
    let after = shown.last().map(|(id, _)| write_cursor(*id));
    let before = shown.first().map(|(id, _)| write_cursor(*id));
    let sort = ask
        .param("sort")
        .map(|sort| format!("&sort={sort}"))
        .unwrap_or_default();
    let include = ask
        .param("include")
        .map(|include| format!("&include={include}"))
        .unwrap_or_default();
    let next = after.as_ref().filter(|_| has_more).map(|after| {
        format!(
            "{}{path}?page%5Bafter%5D={after}&page%5Bsize%5D={size}{sort}{include}",
            ask.base
        )
    });
    let values: Vec<Value> = shown.into_iter().map(|(_, value)| value.clone()).collect();
    let body = json!({
        name: values,
        "meta": {"has_more": has_more, "after_cursor": after, "before_cursor": before},
        "links": {"next": next, "prev": null},
    });
    Ok((body, values))
}

fn by_number(ask: &Ask<'_>, name: &str, path: &str, items: &[(u64, Value)]) -> (Value, Vec<Value>) {
    let size = usize::try_from(ask.number("per_page").unwrap_or(100))
        .unwrap_or(SIZE_MAX)
        .clamp(1, SIZE_MAX);
    let number = usize::try_from(ask.number("page").unwrap_or(1))
        .unwrap_or(1)
        .max(1);
    let start = (number - 1).saturating_mul(size);
    let values: Vec<Value> = items
        .iter()
        .skip(start)
        .take(size)
        .map(|(_, value)| value.clone())
        .collect();
    let link = |number: usize| format!("{}{path}?page={number}&per_page={size}", ask.base);
    let next = (start.saturating_add(size) < items.len()).then(|| link(number + 1));
    let previous = (number > 1).then(|| link(number - 1));
    let body = json!({name: values, "next_page": next, "previous_page": previous, "count": items.len()});
    (body, values)
}

fn write_cursor(id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{id}"))
}

fn read_cursor(cursor: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("after:")?.parse().ok()
}

fn invalid(title: &str) -> Reply {
    reply::json(
        400,
        &json!({"errors": [{"code": "InvalidPaginationParameter", "title": title}]}),
    )
}
