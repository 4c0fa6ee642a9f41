//! What all pages have in common: the first lines of their heads, and the row of links on top.

/// A page whose address is `current`, with both where it leaves places for them; a lesson, whose
/// address is not in the row, has none that is current.
pub(super) fn complete(html: &str, current: &str) -> String {
    html.replace("<!-- head -->", HEAD).replace("<!-- top -->", &top_html(current))
}

fn top_html(current: &str) -> String {
    let mut html = String::from(
        "  <header class=\"top\">\n    <p class=\"brand\"><a href=\"/\">pushscope</a></p>\n    \
         <nav aria-label=\"Pages\">\n",
    );
    for (path, title) in ROW {
        let mark = if path == current { " aria-current=\"page\"" } else { "" };
        html.push_str(&format!("      <a href=\"{path}\"{mark}>{title}</a>\n"));
    }
    html + "    </nav>\n  </header>"
}

const HEAD: &str = "  <meta charset=\"utf-8\">
  <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
  <meta name=\"color-scheme\" content=\"light dark\">
  <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">
  <link rel=\"stylesheet\" href=\"/site/style.css\">";

/// Addresses, and what they are called on every page.
const ROW: [(&str, &str); 8] = [
    ("/", "Six ways"),
    ("/learn", "Learn"),
    ("/chat", "Chat"),
    ("/payment", "Payment"),
    ("/costs", "Costs"),
    ("/inspect", "Inspector"),
    ("/envelopes", "Envelopes"),
    ("/faults", "Reasons"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stands_in_the_row_as_the_current_one_and_a_lesson_does_not() {
        for (path, title) in ROW {
            let page = crate::site::page(path).unwrap_or_else(|| panic!("nothing is at {path}"));
            let html = String::from_utf8_lossy(page.bytes()).into_owned();
            assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">\n<head>\n"), "{path}");
            assert_eq!(html.matches("<nav aria-label=\"Pages\">").count(), 1, "{path}");
            let current = format!("<a href=\"{path}\" aria-current=\"page\">{title}</a>");
            assert!(html.contains(&current), "{path}");
            assert!(!html.contains("<!-- "), "{path}: a place that nothing was put in");
        }
        let page = crate::site::page("/learn/sse").unwrap();
        let html = String::from_utf8_lossy(page.bytes()).into_owned();
        let (top, _) = html.split_once("</header>").unwrap();
        assert!(top.contains("<a href=\"/learn\">Learn</a>") && !top.contains("aria-current"));
    }
}
