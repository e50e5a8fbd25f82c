use proptest::prelude::*;

use super::*;

/// What a customer may write to make a place act.
const HOSTILE: &str = "<!channel> <@U123> <https://evil.test|pay> @acme/team #12 fixes GH-7 [pay](https://evil.test) \
    https://forge.test/a/b/issues/5 <!-- ratchet:e1 --> <script>alert(1)</script> {{ticket.requester.email}} \
    `code` jo@acme.test\n# head\n- item\u{202e}";

fn foreign<M: Medium>() -> String {
    Text::<M>::new().foreign(HOSTILE).as_str().to_owned()
}

#[test]
fn slack_is_given_nothing_to_act_on() {
    let text = foreign::<Mrkdwn>();
    assert!(text.starts_with("&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.test|pay&gt;"));
    assert!(!text.contains(['<', '>', '\u{202e}']), "{text}");
    assert!(!text.contains("jo@"), "{text}");
    let linked = Text::<Mrkdwn>::new().link_named("https://a.test/?a=1&b=2", "x>|<!here>");
    assert_eq!(
        linked.as_str(),
        "<https://a.test/?a=1&amp;b=2|x&gt;/&lt;!here&gt;>"
    );
}

#[test]
fn a_forge_is_given_no_mention_no_reference_no_link_and_no_marker() {
    let text = foreign::<Markdown>();
    for acts in [
        "@acme", "#12", "GH-7", "[pay](", "issues/5", "<!--", "<script", "`code`", "\n# ", "\n- ", "jo@",
    ] {
        assert!(
            !text.replace("\\#", "#").contains(acts) || acts == "\n# ",
            "{acts} in {text}"
        );
    }
    assert!(text.contains("\n\\# head\n\\- item"), "{text}");
    let plain = foreign::<Plain>();
    for acts in ["@acme", "#12", "GH-7", "issues/5", "jo@"] {
        assert!(!plain.contains(acts), "{acts} in {plain}");
    }
}

#[test]
fn a_desk_is_given_no_tag_and_no_template() {
    let text = foreign::<Html>();
    assert!(!text.replace("<br>", "").contains(['<', '>', '"']), "{text}");
    assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
    let linked = Text::<Html>::new().link("https://a.test/\"onclick=\"x");
    assert_eq!(linked.as_str().matches('"').count(), 2);
}

#[test]
fn code_of_others_ends_where_ours_begins() {
    let text = Text::<Markdown>::new()
        .foreign_code("a` @team `b\njo@acme.test")
        .ours(" end");
    assert_eq!(text.as_str(), "`a' @team 'b [e-mail removed]` end");
    assert_eq!(Text::<Markdown>::new().code("`").as_str(), "`'`");
    assert_eq!(Text::<Markdown>::new().code("").as_str(), "`-`");
}

#[test]
fn an_address_that_is_not_of_the_web_links_nothing() {
    let script = Text::<Html>::new().link_named("javascript:alert(1)", "pay");
    assert_eq!(script.as_str(), "<a href=\"\">pay</a>");
    let markdown = Text::<Markdown>::new().link_named("https://a.test/x)](<y", "a]b");
    assert_eq!(markdown.as_str(), "[a\\]b](<https://a.test/x%29]%28%3Cy>)");
}

#[test]
fn ordinary_words_read_as_they_were_written() {
    let words = "The total is 4, not 3: a voucher was taken off twice (see cart.rs:12).";
    assert_eq!(Text::<Mrkdwn>::new().foreign(words).as_str(), words);
    assert_eq!(Text::<Markdown>::new().foreign(words).as_str(), words);
    assert_eq!(Text::<Html>::new().foreign(words).as_str(), words);
    assert_eq!(Text::<Plain>::new().foreign(words).as_str(), words);
}

#[test]
fn a_text_goes_on_record_and_comes_back_and_is_not_printed() {
    let text = Text::<Plain>::new().foreign("words");
    let json = serde_json::to_string(&text).unwrap();
    assert_eq!(json, "\"words\"");
    assert_eq!(serde_json::from_str::<Text<Plain>>(&json).unwrap(), text);
    assert!(!format!("{text:?}").contains("words"));
}

proptest! {
    #[test]
    fn no_text_gets_out_of_its_place(text in "[ -~\\n\u{200b}\u{202e}]{0,80}") {
        let mrkdwn = Text::<Mrkdwn>::new().foreign(&text);
        prop_assert!(!mrkdwn.as_str().contains(['<', '>']));
        let html = Text::<Html>::new().foreign(&text).as_str().replace("<br>", "\n");
        prop_assert!(!html.contains(['<', '>', '"', '\'']) && !html.contains("{{"));
        let markdown = Text::<Markdown>::new().foreign(&text);
        prop_assert!(!markdown.as_str().contains(['<', '>']));
        let bare = markdown.as_str().replace("\\\\", "").replace("\\`", "").replace("\\[", "");
        prop_assert!(!bare.contains(['`', '[']), "{bare}");
        let code = Text::<Markdown>::new().foreign_code(&text);
        prop_assert_eq!(code.as_str().matches('`').count(), 2);
        for forge in [markdown.as_str(), Text::<Plain>::new().foreign(&text).as_str()] {
            let after = |sign: char| forge.split(sign).skip(1).filter_map(|rest| rest.chars().next());
            prop_assert!(!after('@').any(|c| c.is_alphanumeric()), "{forge}");
            prop_assert!(!after('#').any(|c| c.is_ascii_digit()), "{forge}");
        }
    }
}
