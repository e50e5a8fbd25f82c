use ratchet_providers::anthropic::Anthropic;
use ratchet_providers::error::ProviderError;
use ratchet_providers::model::{Answer as Said, ProblemKind, Question, Tool};
use ratchet_providers::secret::Secret;
use ratchet_providers::wire::Wire;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::Provider;
use crate::sandbox::fault::Fault;
use crate::sandbox::model::answers::{Answer, for_text, parse, sample};
use crate::sandbox::model::{Noise, Spoil};

fn knowledge() -> Vec<Answer> {
    let text = json!([{
        "when": ["walnut", "bowl"],
        "bug": {"is_bug": true, "title": "Adding replaces", "severity": "high",
            "steps_to_reproduce": ["add", "add"],
            "expected": "3", "actual": "1", "affected_feature": "cart", "customer_impact": "wrong orders",
            "quote": "walnut bowl", "ai_confidence": 0.93},
        "locations": [{"repo_suffix": "shop", "path": "src/cart.rs", "symbol": "Cart::add",
            "explanation": "sets", "confidence": 0.95}],
        "edits": [
            {"repo_suffix": "shop", "path": "src/cart.rs", "search": "= n", "replace": "+= n"},
            {"repo_suffix": "other", "path": "src/cart.rs", "search": "= n", "replace": "+= n"}
        ],
        "rca": {"customer_impact": "i", "root_cause": "c", "fix": "f", "prevention": "p"}
    }]);
    parse(&text.to_string()).unwrap()
}

fn question(tool: &str, material: Value) -> Question {
    Question {
        system: "Read.".to_owned(),
        material,
        tool: Tool {
            name: tool.to_owned(),
            description: "d".to_owned(),
            input_schema: json!({"type": "object", "properties": {"extra": {"type": "array"}},
                "required": ["extra"]}),
        },
        max_tokens: 4096,
    }
}

async fn put(sandbox: &Sandbox, question: &Question) -> Result<Said, ProviderError> {
    let key = Secret::new("sandbox-anthropic-key");
    let wire = Wire::new(sandbox, START_MS);
    Anthropic::new(wire, "https://api.anthropic.com", &key, "claude-sonnet-4-5")
        .ask(question)
        .await
}

async fn input(sandbox: &Sandbox, tool: &str, material: Value) -> Value {
    put(sandbox, &question(tool, material))
        .await
        .unwrap()
        .input
        .unwrap()
}

fn ticket() -> Value {
    json!({"subject": "Basket </material> forgets", "comments": ["I added a Walnut bowl twice"]})
}

fn knowing() -> Sandbox {
    sandbox().0.with_answers(knowledge())
}

#[tokio::test]
async fn what_it_recognises_it_answers_from_its_file() {
    let sandbox = knowing();
    let mut bug = input(&sandbox, "extract_bug", ticket()).await;
    assert_eq!(bug["title"], "Adding replaces");
    assert_eq!(bug["extra"], json!([]));
    let score = bug["ai_confidence"].as_f64().unwrap();
    assert!((0.89..=0.97).contains(&score), "{score}");
    bug.as_object_mut().unwrap().remove("extra");
    let candidate = |number: u64, path: &str, symbol: &str, snippet: &str| {
        json!({"candidate": number,
        "repo": "acme/shop", "path": path, "symbol": symbol, "start_line": 3, "end_line": 9,
            "snippet": snippet})
    };
    let candidates = json!([
        candidate(0, "src/zip.rs", "zip", "nothing alike"),
        candidate(1, "src/cart.rs", "Cart::total", "cart total"),
        candidate(2, "src/cart.rs", "Cart::add", "*slot = n"),
    ]);
    let ranked = input(
        &sandbox,
        "rank_locations",
        json!({"bug": bug, "candidates": candidates}),
    )
    .await;
    let best = &ranked["locations"][0];
    assert_eq!(
        (&best["candidate"], &best["symbol"], &best["start_line"]),
        (&json!(2), &json!("Cart::add"), &json!(3))
    );
    assert!(best["confidence"].as_f64().unwrap() >= 0.91);
    assert!(ranked["locations"][1]["confidence"].as_f64().unwrap() < 0.5);

    let files = json!([{"path": "src/cart.rs", "text": "*slot = n;"}]);
    let patch = input(
        &sandbox,
        "write_patch",
        json!({"bug": bug, "repo": "acme/shop", "locations": [], "files": files}),
    )
    .await;
    assert_eq!(
        patch["edits"],
        json!([{"path": "src/cart.rs", "search": "= n", "replace": "+= n"}])
    );
    let rca = input(
        &sandbox,
        "write_rca",
        json!({"bug": bug, "locations": [], "pull_requests": []}),
    )
    .await;
    assert_eq!(rca["root_cause"], "c");
}

#[tokio::test]
async fn what_it_does_not_know_it_guesses_and_never_patches() {
    let sandbox = knowing();
    let words = "1. open the report\n2. press export\nExpected: a file.\nActual: error 500 instead.";
    let good = json!({"subject": "Export fails",
        "comments": [{"text": words}]});
    let bug = input(&sandbox, "extract_bug", good).await;
    assert_eq!(
        bug["steps_to_reproduce"],
        json!(["open the report", "press export"])
    );
    assert!(bug["ai_confidence"].as_f64().unwrap() >= 0.7);
    let thin = json!({"subject": "It is broken", "comments": ["Please help"]});
    assert!(
        input(&sandbox, "extract_bug", thin).await["ai_confidence"]
            .as_f64()
            .unwrap()
            < 0.7
    );
    let question = json!({"subject": "Opening hours", "comments": ["When are you open on Sunday?"]});
    assert_eq!(input(&sandbox, "extract_bug", question).await["is_bug"], false);

    let candidates = json!([{"candidate": 0, "repo": "acme/shop", "path": "src/export.rs",
        "symbol": "export", "start_line": 1, "end_line": 2, "snippet": "fn export report"}]);
    let ranked = input(
        &sandbox,
        "rank_locations",
        json!({"bug": bug, "candidates": candidates}),
    )
    .await;
    assert!(ranked["locations"][0]["confidence"].as_f64().unwrap() < 0.5);
    let patch = input(
        &sandbox,
        "write_patch",
        json!({"bug": bug, "repo": "acme/shop", "files": [{"path": "a", "text": "b"}]}),
    )
    .await;
    assert_eq!(patch["edits"], json!([]));
}

#[tokio::test]
async fn the_same_question_gets_another_score_and_the_same_story_the_same_scores() {
    let scores = || async {
        let sandbox = knowing();
        let mut scores = Vec::new();
        for _ in 0..6 {
            scores.push(
                input(&sandbox, "extract_bug", ticket()).await["ai_confidence"]
                    .as_f64()
                    .unwrap(),
            );
        }
        assert_eq!(
            sandbox.read(|world| (world.model.questions(), world.model.repeated_questions())),
            (6, 1)
        );
        scores
    };
    let one = scores().await;
    assert!(one.windows(2).any(|pair| pair[0] != pair[1]), "{one:?}");
    assert_eq!(one, scores().await);
    let sandbox = knowing();
    sandbox.edit(|world, _| world.model.noise = Noise::Crossing);
    let mut sides = Vec::new();
    for _ in 0..4 {
        sides.push(
            input(&sandbox, "extract_bug", ticket()).await["ai_confidence"]
                .as_f64()
                .unwrap()
                >= 0.7,
        );
    }
    assert!(sides.windows(2).all(|pair| pair[0] != pair[1]), "{sides:?}");
}

#[tokio::test]
async fn each_bad_answer_is_bad_in_its_own_way_and_only_once() {
    let sandbox = knowing();
    let spoil = |spoil| {
        sandbox.edit(|world, _| world.model.spoil(Some("extract_bug"), &["walnut"], spoil, 1));
        let sandbox = sandbox.clone();
        async move { put(&sandbox, &question("extract_bug", ticket())).await }
    };
    let problem = |said: Result<Said, ProviderError>| said.unwrap().input.unwrap_err().kind;
    assert_eq!(problem(spoil(Spoil::CutOff).await), ProblemKind::CutOff);
    assert_eq!(problem(spoil(Spoil::Refusal).await), ProblemKind::Refused);
    assert_eq!(problem(spoil(Spoil::PlainText).await), ProblemKind::NotTheTool);
    assert_eq!(
        spoil(Spoil::NotTheSchema).await.unwrap().input.unwrap()["is_bug"],
        "maybe"
    );
    let busy = spoil(Spoil::Overloaded).await.unwrap_err();
    assert!(busy.is_retryable() && !busy.has_no_side_effects(), "{busy}");
    let limited = spoil(Spoil::RateLimited).await.unwrap_err();
    assert!(
        limited.is_retryable() && limited.has_no_side_effects(),
        "{limited}"
    );
    let bad_key = spoil(Spoil::BadKey).await.unwrap_err();
    assert!(
        !bad_key.is_retryable() && bad_key.has_no_side_effects(),
        "{bad_key}"
    );
    assert_eq!(
        input(&sandbox, "extract_bug", ticket()).await["title"],
        "Adding replaces"
    );
    sandbox.edit(|world, _| world.model.spoil(None, &[], Spoil::MissingFiles, 2));
    let ranked = input(&sandbox, "rank_locations", json!({"bug": {}, "candidates": []})).await;
    assert_eq!(ranked["locations"][0]["candidate"], 9999);
    let patch = input(
        &sandbox,
        "write_patch",
        json!({"bug": {}, "repo": "a/b", "files": []}),
    )
    .await;
    assert_eq!(patch["edits"][0]["path"], "src/no/such/file.rs");
}

#[tokio::test]
async fn an_answer_over_its_token_limit_is_cut_off_and_paid_for() {
    let sandbox = knowing();
    let mut asked = question("extract_bug", ticket());
    asked.max_tokens = 5;
    let said = put(&sandbox, &asked).await.unwrap();
    assert_eq!(said.input.unwrap_err().kind, ProblemKind::CutOff);
    assert_eq!(said.usage.output, 5);
    assert_eq!(sandbox.read(|world| world.model.usage().output), 5);
}

#[tokio::test]
async fn a_lost_answer_was_still_paid_for() {
    let sandbox = knowing();
    sandbox.edit(|world, _| world.faults.plan(Provider::Anthropic, None, Fault::LoseReply, 1));
    assert!(put(&sandbox, &question("extract_bug", ticket())).await.is_err());
    assert!(sandbox.read(|world| world.model.usage().input > 0 && world.model.questions() == 1));
}

fn raw(sandbox: &Sandbox, body: &Value, version: &str) -> (u16, Value) {
    let request = http::Request::post("https://api.anthropic.com/v1/messages")
        .header("x-api-key", "sandbox-anthropic-key")
        .header("anthropic-version", version)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = sandbox.answer(request);
    assert!(response.headers().contains_key("request-id"));
    (
        response.status().as_u16(),
        serde_json::from_slice(response.body()).unwrap(),
    )
}

fn body() -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}],
        "tools": [{"name": "t", "input_schema": {"type": "object"}}], "tool_choice": {"type": "tool",
            "name": "t"}})
}

#[test]
fn a_request_that_the_vendor_refuses_is_refused() {
    let sandbox = knowing();
    assert_eq!(raw(&sandbox, &body(), "2023-06-01").0, 200);
    assert_eq!(raw(&sandbox, &body(), "1999-01-01").0, 400);
    for (field, value) in [
        ("model", json!("")),
        ("max_tokens", json!(0)),
        ("messages", json!([])),
        ("messages", json!([{"role": "assistant", "content": "x"}])),
        ("messages", json!([{"role": "user", "content": ""}])),
        (
            "tools",
            json!([{"name": "a b", "input_schema": {"type": "object"}}]),
        ),
        ("tools", json!([{"name": "t"}])),
        (
            "tools",
            json!([{"name": "t", "strict": true, "input_schema": {"type": "object"}}]),
        ),
        ("tool_choice", json!({"type": "tool", "name": "other"})),
        ("tool_choice", json!({"type": "force"})),
    ] {
        let mut body = body();
        body[field] = value;
        let (status, answer) = raw(&sandbox, &body, "2023-06-01");
        assert_eq!(
            (status, &answer["error"]["type"]),
            (400, &json!("invalid_request_error")),
            "{field}: {answer}"
        );
    }
    for field in ["model", "max_tokens", "messages"] {
        let mut body = body();
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(
            raw(&sandbox, &body, "2023-06-01").1["error"]["message"],
            format!("{field}: Field required")
        );
    }
    let (status, _) = ask(
        &sandbox,
        "POST",
        "https://api.anthropic.com/v1/messages",
        "Bearer x",
        &body(),
    );
    assert_eq!(status, 401);
}

#[test]
fn a_marked_prefix_is_written_to_the_cache_once_and_then_read() {
    let (sandbox, clock) = sandbox();
    let usage = |words: &str| {
        let mut body = body();
        body["system"] =
            json!([{"type": "text", "text": "long ".repeat(100), "cache_control": {"type": "ephemeral"}}]);
        body["messages"] = json!([{"role": "user", "content": words}]);
        let usage = raw(&sandbox, &body, "2023-06-01").1["usage"].clone();
        (
            usage["cache_creation_input_tokens"].as_u64().unwrap(),
            usage["cache_read_input_tokens"].as_u64().unwrap(),
        )
    };
    let (written, read) = usage("a");
    assert!(written > 100 && read == 0);
    assert_eq!(usage("b"), (0, written));
    clock.advance(300_000);
    assert_eq!(usage("c"), (written, 0));
}

#[test]
fn the_sample_answers_are_sound() {
    let answers = sample().unwrap();
    assert!(answers.len() >= 12);
    for answer in &answers {
        assert!(!answer.when.is_empty());
        let is_bug = answer.bug.get("is_bug").and_then(Value::as_bool).unwrap_or(true);
        assert_eq!(is_bug, answer.bug.get("title").is_some(), "{:?}", answer.when);
    }
}

#[test]
fn every_sample_ticket_is_recognised() {
    let answers = sample().unwrap();
    let tickets: Vec<Value> = serde_json::from_str(include_str!("../../../sample/tickets.json")).unwrap();
    for ticket in tickets {
        let said = ticket["comments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|comment| comment["text"].as_str().unwrap());
        let text = said.fold(ticket["subject"].as_str().unwrap().to_owned(), |all, next| {
            all + "\n" + next
        });
        assert!(for_text(&answers, &text).is_some(), "{}", ticket["id"]);
    }
}
