//! The documentation of a module, as HTML: the little of Markdown that these use.
//!
//! ```text
//! a paragraph, which may have `code` and [links](/address) in it
//!
//!     ```text           a fence: its lines stand as they are
//!     ```
//! ```

use super::html::escape;

/// A part of a documentation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block {
    /// Sentences, in one line.
    Paragraph(String),
    /// Lines that stand as they are.
    Fence(String),
}

impl Block {
    /// As HTML.
    pub fn html(&self) -> String {
        match self {
            Self::Paragraph(text) => format!("<p>{}</p>\n", inline(text)),
            Self::Fence(text) => format!(
                "<div class=\"fence\" tabindex=\"0\" role=\"region\" aria-label=\"Sketch\">\
                 <pre>{}</pre></div>\n",
                escape(text)
            ),
        }
    }

    /// A paragraph that begins with this word.
    pub fn begins(&self, word: &str) -> bool {
        matches!(self, Self::Paragraph(text) if text.starts_with(word))
    }
}

/// The documentation of a module, from its source.
///
/// ```
/// use pushscope::site::learn::doc::{Block, blocks};
/// let source = "//! One line,\n//! and more.\n//!\n//! ```text\n//!  a  b\n//! ```\n\nuse x;";
/// let sentence = Block::Paragraph("One line, and more.".to_owned());
/// assert_eq!(blocks(source), [sentence, Block::Fence(" a  b\n".to_owned())]);
/// ```
pub fn blocks(source: &str) -> Vec<Block> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    paragraphs(lines.map(|line| line.strip_prefix(' ').unwrap_or(line)))
}

/// Lines of text, as the paragraphs and fences that they are.
pub(crate) fn paragraphs<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut fence: Option<String> = None;
    for line in lines {
        let marks = line.trim_start().starts_with("```");
        match &mut fence {
            Some(_) if marks => blocks.extend(fence.take().map(Block::Fence)),
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None if marks || line.is_empty() => {
                blocks.extend(whole(&mut paragraph));
                fence = marks.then(String::new);
            }
            None => {
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph.push_str(line.trim());
            }
        }
    }
    blocks.extend(whole(&mut paragraph));
    blocks.extend(fence.map(Block::Fence));
    blocks
}

fn whole(paragraph: &mut String) -> Option<Block> {
    (!paragraph.is_empty()).then(|| Block::Paragraph(std::mem::take(paragraph)))
}

/// A line with its code and links marked up.
pub(crate) fn inline(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[']) {
        let (front, behind) = rest.split_at(at);
        html.push_str(&escape(front));
        let marked = code(behind).or_else(|| link(behind));
        let (marked, left) = match marked {
            Some(found) => found,
            // A mark that opens nothing is a character like any other.
            None => (behind.chars().take(1).collect(), behind.get(1..).unwrap_or_default()),
        };
        html.push_str(&marked);
        rest = left;
    }
    html + &escape(rest)
}

/// What stands between backticks; a mechanism's file leads to its lesson.
fn code(text: &str) -> Option<(String, &str)> {
    let (code, rest) = text.strip_prefix('`')?.split_once('`')?;
    let html = format!("<code>{}</code>", escape(code));
    let lesson = code.strip_suffix(".rs").filter(|name| super::kind_named(name).is_some());
    Some(match lesson {
        Some(name) => (format!("<a href=\"/learn/{}\">{html}</a>", escape(name)), rest),
        None => (html, rest),
    })
}

/// `[text](address)`, where the address is a page of ours or a secure one.
fn link(text: &str) -> Option<(String, &str)> {
    let (text, behind) = text.strip_prefix('[')?.split_once("](")?;
    let (address, rest) = behind.split_once(')')?;
    let is_ours = address.starts_with('/') && !address.starts_with("//");
    let is_fit = is_ours || address.starts_with("https://");
    is_fit.then(|| (format!("<a href=\"{}\">{}</a>", escape(address), inline(text)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_marked_up_and_the_rest_escaped() {
        let cases = [
            ("a < b & c", "a &lt; b &amp; c"),
            ("`<b>` and `x`", "<code>&lt;b&gt;</code> and <code>x</code>"),
            ("one ` alone, [p > 125]", "one ` alone, [p &gt; 125]"),
            ("`2·[p > 125]`", "<code>2·[p &gt; 125]</code>"),
            ("[a \"b\"](/costs)!", "<a href=\"/costs\">a &quot;b&quot;</a>!"),
            ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
            ("see `sse.rs`", "see <a href=\"/learn/sse\"><code>sse.rs</code></a>"),
            ("see `mould.rs`", "see <code>mould.rs</code>"),
        ];
        for (text, html) in cases {
            assert_eq!(inline(text), html, "{text}");
        }
    }
}
