//! How each markup is written so that nothing foreign acts in it.

use super::one_line;
use crate::html;

/// A space of no width: it parts a sign from the word that it would act on, and nobody sees it.
const GAP: char = '\u{200b}';

/// The markups that there are; nobody else adds one.
pub trait Sealed {
    /// Adds text that the place shows as it stands.
    fn escape(text: &str, out: &mut String);
    /// Adds text as code.
    fn code(text: &str, out: &mut String);
    /// Adds an address, behind a name where there is one.
    fn link(url: &str, name: Option<&str>, out: &mut String);
}

/// Slack's `mrkdwn`.
#[derive(Debug, Clone, Copy)]
pub enum Mrkdwn {}

/// Markdown as GitHub and Linear read it.
#[derive(Debug, Clone, Copy)]
pub enum Markdown {}

/// HTML as Zendesk and Intercom take it.
#[derive(Debug, Clone, Copy)]
pub enum Html {}

/// No markup: titles, messages of commits, Jira. A forge reads mentions and references in these too.
#[derive(Debug, Clone, Copy)]
pub enum Plain {}

/// Slack acts on `<..>` alone, and asks for three signs to be escaped. Source: "Formatting text for app surfaces".
impl Sealed for Mrkdwn {
    fn escape(text: &str, out: &mut String) {
        for c in text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                _ => out.push(c),
            }
        }
    }

    fn code(text: &str, out: &mut String) {
        out.push('`');
        Self::escape(&text.replace('`', "'"), out);
        out.push('`');
    }

    fn link(url: &str, name: Option<&str>, out: &mut String) {
        out.push('<');
        Self::escape(&addressed(url), out);
        if let Some(name) = name {
            out.push('|');
            Self::escape(&one_line(name).replace('|', "/"), out);
        }
        out.push('>');
    }
}

impl Sealed for Markdown {
    fn escape(text: &str, out: &mut String) {
        for (index, line) in parted(text).split('\n').enumerate() {
            if index > 0 {
                out.push('\n');
            }
            // A line's first signs make lists, rules, headings and, as four spaces, code.
            let line = line.trim_start();
            if line.starts_with(['-', '+', '=']) {
                out.push('\\');
            }
            for c in line.chars() {
                match c {
                    // Not as `\<`: a marker is found by its raw text.
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '&' => out.push_str("&amp;"),
                    '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                        out.push('\\');
                        out.push(c);
                    }
                    _ => out.push(c),
                }
            }
        }
    }

    fn code(text: &str, out: &mut String) {
        let text = text.replace('`', "'");
        // Without a sign there would be no code but two marks, which may pair with others.
        let text = if text.trim().is_empty() { "-" } else { text.trim() };
        out.push('`');
        out.push_str(text);
        out.push('`');
    }

    fn link(url: &str, name: Option<&str>, out: &mut String) {
        if let Some(name) = name {
            out.push('[');
            Self::escape(&one_line(name), out);
            out.push_str("](");
        }
        out.push('<');
        out.push_str(&addressed(url));
        out.push('>');
        if name.is_some() {
            out.push(')');
        }
    }
}

impl Sealed for Html {
    fn escape(text: &str, out: &mut String) {
        // Zendesk fills in `{{ticket.requester.email}}` where it finds it.
        let mut text = text.to_owned();
        for (template, harmless) in [("{{", "{\u{200b}{"), ("{%", "{\u{200b}%")] {
            while text.contains(template) {
                text = text.replace(template, harmless);
            }
        }
        out.push_str(&html::escape(&text).replace('\n', "<br>"));
    }

    fn code(text: &str, out: &mut String) {
        out.push_str("<code>");
        Self::escape(text, out);
        out.push_str("</code>");
    }

    fn link(url: &str, name: Option<&str>, out: &mut String) {
        let url = addressed(url);
        out.push_str("<a href=\"");
        Self::escape(&url, out);
        out.push_str("\">");
        Self::escape(&one_line(name.unwrap_or(&url)), out);
        out.push_str("</a>");
    }
}

impl Sealed for Plain {
    fn escape(text: &str, out: &mut String) {
        out.push_str(&parted(text));
    }

    fn code(text: &str, out: &mut String) {
        Self::escape(text, out);
    }

    fn link(url: &str, name: Option<&str>, out: &mut String) {
        match name {
            Some(name) => {
                Self::escape(&one_line(name), out);
                out.push_str(" (");
                out.push_str(&addressed(url));
                out.push(')');
            }
            None => out.push_str(&addressed(url)),
        }
    }
}

/// An address of the web without the signs that end it in a markup; empty where it is none, so that no script is linked.
fn addressed(url: &str) -> String {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let mut address = String::with_capacity(url.len());
    for c in url.chars().filter(|_| is_web) {
        match c {
            '<' => address.push_str("%3C"),
            '>' => address.push_str("%3E"),
            '"' => address.push_str("%22"),
            '|' => address.push_str("%7C"),
            '\\' => address.push_str("%5C"),
            '(' => address.push_str("%28"),
            ')' => address.push_str("%29"),
            c if c.is_whitespace() || c.is_control() => {}
            c => address.push(c),
        }
    }
    address
}

/// Parts the signs by which a forge mentions people and refers to issues from what they would act on: `@team`, `#12`,
/// `GH-12` and `/issues/12`. GitHub acts on them in whatever way they are escaped, and closes issues by them on a merge.
fn parted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let next = chars.peek().copied();
        let acts = match c {
            '@' => next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '-')),
            '#' => next.is_some_and(|next| next.is_ascii_digit()),
            '-' => next.is_some_and(|next| next.is_ascii_digit()) && ends_with_any(&out, &["gh-"]),
            '/' => {
                next.is_some_and(|next| next.is_ascii_digit())
                    && ends_with_any(&out, &["/issues/", "/pull/", "/discussions/"])
            }
            _ => false,
        };
        if acts {
            out.push(GAP);
        }
    }
    out
}

fn ends_with_any(text: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| {
        text.len()
            .checked_sub(end.len())
            .and_then(|from| text.get(from..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}
