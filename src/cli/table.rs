//! Tables for people: figures to the right, thousands apart, and nothing where there is nothing.

use std::fmt::Write;

use super::text::escaped;

pub(super) use pushscope::prose::apart as thousands;

/// Rows that have names, and columns that have heads.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    names: Vec<String>,
    columns: Vec<Column>,
    rows: Rows,
}

/// A head, and a cell for each row.
#[derive(Debug)]
pub(super) struct Column {
    head: String,
    cells: Vec<String>,
}

/// Which rows are there; of the columns, those in which something stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rows {
    /// All of them.
    All,
    /// Those in which something stands.
    Used,
}

/// What the reader's screen can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Screen {
    /// It takes text alone, or is none.
    Bare,
    /// It is a terminal that knows bold letters and can be cleared.
    Terminal,
}

impl Table {
    /// A table without columns yet.
    pub(super) fn new(title: &str, names: Vec<String>, rows: Rows) -> Self {
        Self { title: title.to_owned(), names, columns: Vec::new(), rows }
    }

    /// One column more, to the right; it has a cell for each name.
    pub(super) fn push(&mut self, head: &str, cells: Vec<String>) {
        self.columns.push(Column { head: escaped(head), cells });
    }

    /// The whole table; what is too wide goes on below, under the same names.
    pub(super) fn print(&self, screen: Screen) -> String {
        let (bold, plain) = match screen {
            Screen::Bare => ("", ""),
            Screen::Terminal => ("\u{1b}[1m", "\u{1b}[0m"),
        };
        let rows = self.used_rows();
        let columns: Vec<&Column> = self.columns.iter().filter(|column| column.is_used()).collect();
        if rows.is_empty() || (columns.is_empty() && self.rows == Rows::Used) {
            return format!("{bold}{}{plain}: nothing\n", self.title);
        }
        let mut text = format!("{bold}{}{plain}\n", self.title);
        let names: Vec<(usize, String)> =
            rows.iter().filter_map(|at| Some((*at, escaped(self.names.get(*at)?)))).collect();
        let name_width = names.iter().map(|(_, name)| width(name)).max().unwrap_or_default();
        let mut rest = &columns[..];
        loop {
            let (block, more) = rest.split_at(fitting(rest, name_width));
            print_block(block, &names, name_width, &mut text);
            if more.is_empty() {
                return text;
            }
            rest = more;
        }
    }

    fn used_rows(&self) -> Vec<usize> {
        let is_used =
            |at: usize| self.columns.iter().any(|column| !matches!(column.cell(at), "" | NOTHING));
        (0..self.names.len()).filter(|at| self.rows == Rows::All || is_used(*at)).collect()
    }
}

impl Column {
    fn cell(&self, at: usize) -> &str {
        self.cells.get(at).map_or("", String::as_str)
    }

    fn is_used(&self) -> bool {
        self.cells.iter().any(|cell| !matches!(cell.as_str(), "" | NOTHING))
    }

    fn width(&self) -> usize {
        self.cells.iter().chain([&self.head]).map(|cell| width(cell)).max().unwrap_or_default()
    }
}

/// How many columns go beside the names: at least one, however wide it is.
fn fitting(columns: &[&Column], name_width: usize) -> usize {
    let mut width = name_width;
    let fits = columns.iter().take_while(|column| {
        width += GAP.len() + column.width();
        width <= WIDTH_MAX
    });
    fits.count().max(1).min(columns.len())
}

fn print_block(block: &[&Column], names: &[(usize, String)], name_width: usize, text: &mut String) {
    if !block.is_empty() {
        text.push_str(&" ".repeat(name_width));
        for column in block {
            // A String takes everything, here and below.
            let _ = write!(text, "{GAP}{:>1$}", column.head, column.width());
        }
        text.push('\n');
    }
    for (at, name) in names {
        let mut line = format!("{name:<name_width$}");
        for column in block {
            let _ = write!(line, "{GAP}{:>1$}", column.cell(*at), column.width());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A count for a cell.
pub(super) fn count(count: u64) -> String {
    if count == 0 { NOTHING.to_owned() } else { thousands(&count.to_string()) }
}

/// A figure that need not be whole for a cell: two decimals at most.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 {
        return NOTHING.to_owned();
    }
    let rounded = format!("{value:.2}");
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    match fraction.trim_end_matches('0') {
        "" => thousands(whole),
        fraction => format!("{}.{fraction}", thousands(whole)),
    }
}

/// What stands in a cell where there is nothing.
const NOTHING: &str = "·";
/// What stands between columns.
const GAP: &str = "  ";
/// Columns of letters.
const WIDTH_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(values: &[u64]) -> Vec<String> {
        values.iter().copied().map(count).collect()
    }

    fn table(rows: Rows) -> Table {
        let names = ["poll", "sse\u{1b}", "all"].map(str::to_owned);
        Table::new("Bytes", names.to_vec(), rows)
    }

    #[test]
    fn figures_stand_to_the_right_and_nothing_is_left_out() {
        let mut table = table(Rows::Used);
        table.push("head", cells(&[0, 1_234_567, 1_234_567]));
        table.push("dropped", cells(&[0, 0, 0]));
        table.push("x\n", cells(&[0, 0, 12]));
        let expected = "Bytes\n                head  x\\n\n\
                        sse\\u{1b}  1,234,567    ·\nall        1,234,567   12\n";
        assert_eq!(table.print(Screen::Bare), expected);
        let bold = expected.replacen("Bytes", "\u{1b}[1mBytes\u{1b}[0m", 1);
        assert_eq!(table.print(Screen::Terminal), bold);
    }

    #[test]
    fn a_table_of_nothing_says_so() {
        let (mut used, mut all) = (table(Rows::Used), table(Rows::All));
        used.push("head", cells(&[0, 0, 0]));
        all.push("head", cells(&[0, 0, 0]));
        assert_eq!(used.print(Screen::Bare), "Bytes: nothing\n");
        assert_eq!(all.print(Screen::Bare), "Bytes\npoll\nsse\\u{1b}\nall\n");
        assert_eq!(Table::new("B", Vec::new(), Rows::All).print(Screen::Bare), "B: nothing\n");
    }

    #[test]
    fn what_is_too_wide_goes_on_below() {
        let mut table = table(Rows::All);
        for at in 0..13 {
            table.push(&format!("column_{at:02}"), cells(&[0, at, 1]));
        }
        table.push(&"w".repeat(WIDTH_MAX), cells(&[0, 1, 1]));
        let text = table.print(Screen::Bare);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("poll")).count(), 3, "{text}");
        // What is too wide even alone stands alone.
        for line in lines.iter().filter(|line| line.contains("column")) {
            assert!(width(line) <= WIDTH_MAX, "{line}");
        }
    }

    #[test]
    fn a_figure_is_as_fine_as_it_has_to_be() {
        let cases = [(0.0, "·"), (0.001, "0"), (0.125, "0.12"), (1.5, "1.5"), (1234.0, "1,234")];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected, "{value}");
        }
    }
}
