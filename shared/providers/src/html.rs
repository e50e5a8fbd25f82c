//! Just enough HTML for ticket comments: text into it, and text out of it.

/// Text as HTML content or attribute value.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The text of simple HTML: tags become line ends, the entities that [`escape`] writes become characters.
/// It finds our own markers; it is no parser of what others wrote.
pub(crate) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                out.push('\n');
            }
            _ if !is_tag => out.push(c),
            _ => {}
        }
    }
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(out, |text, (entity, character)| text.replace(entity, character))
}

/// The last line of simple HTML that holds anything.
pub(crate) fn last_line(html: &str) -> String {
    text(html)
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_line_is_found_below_empty_tags() {
        assert_eq!(
            last_line("<p>Cause</p><p>ref <b></b></p>\n<p><i>ref a&amp;b</i></p><p>&nbsp;</p>"),
            "ref a&b"
        );
        assert_eq!(last_line("plain\nref e1\n"), "ref e1");
        assert_eq!(last_line(""), "");
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_out_as_it_went_in(written in "[ -~]{0,60}") {
            prop_assert!(!escape(&written).contains(['<', '>', '"', '\'']));
            prop_assert_eq!(text(&escape(&written)), written);
        }

        #[test]
        fn any_text_has_a_last_line(html in ".{0,60}") {
            prop_assert!(!last_line(&html).contains('\n'));
        }
    }
}
