//! Plots as SVG: bars from zero, or dots on a logarithmic scale that is marked as one.
//!
//! A bar says with its length how much there is, so it begins at zero. Where the figures differ
//! by more than a hundredfold a length from zero shows nothing, and on a logarithmic scale it
//! means nothing: there they are dots. The second series is hollow, and the figures stand beside
//! their marks: colour is never the only signal. Whiskers reach from the least to the most.

use super::html::escaped;
use super::number::short;
use crate::lab::experiment::Spread;

/// One plot: a title, one or two series, and a bar of each label.
#[derive(Clone, PartialEq, Debug)]
pub struct Plot<'a> {
    /// Begins the identifiers of its elements; no two plots of a page have the same.
    pub id: &'a str,
    /// What is drawn, with its unit.
    pub title: &'a str,
    /// The names of the series: one, or two.
    pub series: &'a [&'a str],
    /// How several series share a label.
    pub shape: Shape,
    /// What is compared.
    pub bars: Vec<Bar<'a>>,
}

/// How several series share a label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Each begins where the one before ends: their sum means something.
    Stacked,
    /// Each has a line of its own.
    Grouped,
}

/// What is drawn for one label.
#[derive(Clone, PartialEq, Debug)]
pub struct Bar<'a> {
    /// Whose figures these are.
    pub label: &'a str,
    /// A figure of each series; none where there is none to show.
    pub figures: Vec<Option<Spread>>,
    /// The figures as they are written beside the marks.
    pub words: String,
}

impl Plot<'_> {
    /// The plot with its title and its legend, as HTML.
    ///
    /// The style sheet of the report names the colours of its classes.
    pub fn figure(&self) -> String {
        let scale = Scale::of(self);
        let log = if scale.is_log() { " <span class=\"log\">log scale</span>" } else { "" };
        let legend = if self.series.len() > 1 { self.legend() } else { String::new() };
        format!(
            "<figure class=\"plot\">\n<figcaption>{}{log}{legend}</figcaption>\n{}</figure>\n",
            escaped(self.title),
            self.svg(&scale),
        )
    }

    fn legend(&self) -> String {
        let entry = |(at, name): (usize, &&str)| {
            let name = escaped(name);
            format!(
                "<span class=\"key\"><svg width=\"12\" height=\"12\" aria-hidden=\"true\">\
                 <rect class=\"{}\" x=\"1\" y=\"1\" width=\"10\" height=\"10\"/></svg> \
                 {name}</span>",
                class(at)
            )
        };
        let entries: Vec<String> = self.series.iter().enumerate().map(entry).collect();
        format!(" <span class=\"keys\">{}</span>", entries.join(" "))
    }

    fn svg(&self, scale: &Scale) -> String {
        let id = escaped(self.id);
        let height = PITCH * place(self.bars.len()) + AXIS_HEIGHT;
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
            escaped(self.title),
            escaped(&self.description()),
        );
        svg.push_str(&axis(scale, self.bars.len()));
        for (at, bar) in self.bars.iter().enumerate() {
            svg.push_str(&self.bar(bar, scale, PITCH * place(at)));
        }
        svg + "</svg>\n"
    }

    /// "bytes down and up: poll 312 + 204; sse 92 + 0".
    fn description(&self) -> String {
        let bars: Vec<String> =
            self.bars.iter().map(|bar| format!("{} {}", bar.label, bar.words)).collect();
        format!("{}: {}.", self.series.join(", "), bars.join("; "))
    }

    fn bar(&self, bar: &Bar<'_>, scale: &Scale, top: f64) -> String {
        let text = top + WORDS;
        let mut svg = format!(
            "<text class=\"label\" x=\"{LEFT}\" y=\"{text}\">{}</text>\
             <text class=\"words\" x=\"{RIGHT}\" y=\"{text}\" text-anchor=\"end\">{}</text>\n",
            escaped(bar.label),
            escaped(&bar.words),
        );
        // On a logarithmic scale a sum of lengths means nothing: each has its own line and dot.
        let is_joined = self.shape == Shape::Stacked && !scale.is_log();
        let is_one_line = is_joined || bar.figures.len() == 1;
        let thick = if is_one_line { 11.0 } else { 5.0 };
        let mut base = 0.0;
        for (at, spread) in bar.figures.iter().enumerate() {
            let line = if is_one_line { 0.0 } else { place(at) * 7.0 };
            let Some(spread) = spread else { continue };
            let mark = Mark { at, base, top: top + MARKS + line, thick };
            svg.push_str(&mark.draw(scale, spread));
            if is_joined {
                base += spread.median;
            }
        }
        svg
    }
}

/// Where a value stands on the axis.
#[derive(Clone, PartialEq, Debug)]
enum Scale {
    /// From zero, with a line at each of these.
    Linear(Vec<f64>),
    /// From power of ten to power of ten.
    Log(Vec<f64>),
}

impl Scale {
    /// The scale on which all figures of a plot can be seen.
    fn of(plot: &Plot<'_>) -> Self {
        let figures = || plot.bars.iter().flat_map(|bar| bar.figures.iter().flatten());
        let lengths: Vec<f64> = match plot.shape {
            Shape::Stacked => {
                plot.bars.iter().map(|bar| sum(bar, |spread| spread.median)).collect()
            }
            Shape::Grouped => figures().map(|spread| spread.median).collect(),
        };
        if most(lengths.iter().copied()) > least(lengths.iter().copied()) * LOG_FROM {
            let low = least(figures().flat_map(|spread| [spread.median, spread.min]));
            return Self::Log(decades(low, most(figures().map(|spread| spread.max))));
        }
        let max = match plot.shape {
            Shape::Stacked => most(plot.bars.iter().map(|bar| sum(bar, |spread| spread.max))),
            Shape::Grouped => most(figures().map(|spread| spread.max)),
        };
        Self::Linear(ticks(max))
    }

    const fn is_log(&self) -> bool {
        matches!(self, Self::Log(_))
    }

    fn ticks(&self) -> &[f64] {
        match self {
            Self::Linear(ticks) | Self::Log(ticks) => ticks,
        }
    }

    /// The distance of a value from the axis' left end, of [`LENGTH`] at its right end.
    fn distance(&self, value: f64) -> f64 {
        let low = self.ticks().first().copied().unwrap_or(0.0);
        let high = self.ticks().last().copied().unwrap_or(1.0);
        let share = match self {
            Self::Linear(_) => value / high,
            Self::Log(_) => (value / low).log10() / (high / low).log10(),
        };
        share.clamp(0.0, 1.0) * LENGTH
    }
}

/// Zero, and steps of 1, 2 or 5 times a power of ten, until `max` is reached: at most six.
fn ticks(max: f64) -> Vec<f64> {
    let max = if max > 0.0 && max.is_finite() { max } else { 1.0 };
    let power = 10.0_f64.powf((max / STEPS_MAX).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| step * STEPS_MAX >= max)
        .unwrap_or(max);
    let mut ticks = vec![0.0];
    for count in 1..=6_u8 {
        ticks.push(f64::from(count) * step);
        if f64::from(count) * step >= max {
            break;
        }
    }
    ticks
}

/// The powers of ten from the one that is not above `min` to the one that is not below `max`.
fn decades(min: f64, max: f64) -> Vec<f64> {
    let (first, last) = (min.log10().floor(), max.log10().ceil());
    // No figure of ours has more powers than that; it bounds what an odd one can cost.
    (0..=30_u8)
        .map(|count| first + f64::from(count))
        .take_while(|power| *power <= last)
        .map(|power| 10.0_f64.powf(power))
        .collect()
}

/// The scale's lines, behind the marks and not behind the words, and the numbers below them.
fn axis(scale: &Scale, bars: usize) -> String {
    let mut svg = String::new();
    let bottom = PITCH * place(bars);
    // Numbers have no room for more than seven.
    let every = scale.ticks().len().div_ceil(7).max(1);
    let last = scale.ticks().len().saturating_sub(1);
    for (at, tick) in scale.ticks().iter().enumerate() {
        let x = units(LEFT + scale.distance(*tick));
        let class = if at == 0 { "zero" } else { "grid" };
        let line = |bar| {
            let top = PITCH * place(bar);
            format!("M{x} {}V{}", units(top + MARKS - 2.0), units(top + PITCH))
        };
        let lines: String = (0..bars).map(line).collect();
        svg.push_str(&format!("<path class=\"{class}\" d=\"{lines}\"/>"));
        if at % every == 0 {
            let anchor = match at {
                0 => "start",
                at if at == last => "end",
                _ => "middle",
            };
            svg.push_str(&format!(
                "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                units(bottom + 13.0),
                short(*tick)
            ));
        }
    }
    svg + "\n"
}

/// The mark of one figure.
struct Mark {
    at: usize,
    base: f64,
    top: f64,
    thick: f64,
}

impl Mark {
    fn draw(&self, scale: &Scale, spread: &Spread) -> String {
        let middle = self.top + self.thick / 2.0;
        let from = LEFT + scale.distance(self.base);
        let to = LEFT + scale.distance(self.base + spread.median);
        let class = class(self.at);
        let mark = match scale {
            // Nothing has no place on a logarithmic scale.
            Scale::Log(_) if spread.median <= 0.0 => return String::new(),
            Scale::Log(_) => format!(
                "<path class=\"lead\" d=\"M{LEFT} {y}H{x}\"/>\
                 <circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{DOT}\"/>",
                x = units(to),
                y = units(middle),
            ),
            Scale::Linear(_) => format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                units(from),
                units(self.top),
                units(to - from),
                units(self.thick),
            ),
        };
        mark + &self.whisker(scale, spread, middle) + "\n"
    }

    fn whisker(&self, scale: &Scale, spread: &Spread, middle: f64) -> String {
        if spread.min >= spread.max {
            return String::new();
        }
        let [low, high] = [spread.min, spread.max].map(|end| {
            let end = self.base + end;
            // On a logarithmic scale a range that reaches to nothing begins at its edge.
            units(LEFT + if end > 0.0 { scale.distance(end) } else { 0.0 })
        });
        let (over, under) = (units(middle - 3.0), units(middle + 3.0));
        let middle = units(middle);
        format!(
            "<path class=\"whisker\" d=\"M{low} {over}V{under}M{low} {middle}H{high}\
             M{high} {over}V{under}\"/>"
        )
    }
}

/// The class that fills a series, or leaves it hollow.
const fn class(at: usize) -> &'static str {
    if at == 0 { "full" } else { "hollow" }
}

fn sum(bar: &Bar<'_>, of: impl Fn(&Spread) -> f64) -> f64 {
    bar.figures.iter().flatten().map(of).sum()
}

/// The least that is more than nothing.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min)
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

/// A length with at most one digit behind the point.
fn units(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn place(at: usize) -> f64 {
    u16::try_from(at).map_or(0.0, f64::from)
}

/// Where a length from zero begins to hide the least.
const LOG_FROM: f64 = 100.0;
const STEPS_MAX: f64 = 5.0;
const WIDTH: f64 = 280.0;
const LEFT: f64 = 1.0;
const LENGTH: f64 = 278.0;
const RIGHT: f64 = LEFT + LENGTH;
/// From the top of a bar's room to the words, to the marks, and to the next bar's room.
const WORDS: f64 = 13.0;
const MARKS: f64 = 20.0;
const PITCH: f64 = 36.0;
const AXIS_HEIGHT: f64 = 18.0;
const DOT: f64 = 3.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps_and_holds_the_most() {
        let cases: [(f64, &[f64]); 7] = [
            (0.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (1.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (92.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (101.0, &[0.0, 50.0, 100.0, 150.0]),
            (5.0, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (0.07, &[0.0, 0.02, 0.04, 0.06, 0.08]),
            (f64::NAN, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ];
        for (max, expected) in cases {
            let found: Vec<String> = ticks(max).into_iter().map(short).collect();
            let expected: Vec<String> = expected.iter().map(|tick| short(*tick)).collect();
            assert_eq!(found, expected, "{max}");
        }
        for max in (1..5000).map(|at| f64::from(at) * 0.37) {
            let ticks = ticks(max);
            assert!(ticks.len() <= 6 && *ticks.last().unwrap() >= max, "{max}: {ticks:?}");
        }
    }

    #[test]
    fn bars_begin_at_zero_and_are_as_long_as_their_figures() {
        let plot = plot(Shape::Grouped, &[&[20.0], &[40.0], &[0.0]]);
        let bars = rectangles(&plot);
        assert_eq!(bars, [(1.0, 139.0), (1.0, 278.0), (1.0, 0.0)]);
        assert!(!plot.figure().contains("log scale"));
    }

    #[test]
    fn stacked_bars_join() {
        let bars = rectangles(&plot(Shape::Stacked, &[&[10.0, 30.0], &[20.0, 0.0]]));
        assert_eq!(bars, [(1.0, 69.5), (70.5, 208.5), (1.0, 139.0), (140.0, 0.0)]);
    }

    #[test]
    fn more_than_a_hundredfold_is_dots_on_a_scale_that_says_so() {
        assert!(!Scale::of(&plot(Shape::Grouped, &[&[1.0], &[100.0]])).is_log());
        let plot = plot(Shape::Grouped, &[&[1.0], &[101.0], &[0.0]]);
        assert_eq!(Scale::of(&plot), Scale::Log(vec![1.0, 10.0, 100.0, 1000.0]));
        assert!(rectangles(&plot).is_empty());
        let figure = plot.figure();
        assert!(figure.contains("log scale"));
        assert_eq!(figure.matches("<circle").count(), 2, "nothing has no dot");
        assert_eq!(units(Scale::of(&plot).distance(10.0)), "92.7");
    }

    #[test]
    fn dots_stand_at_their_own_figures_even_where_bars_would_join() {
        let svg = |shape| {
            let plot = plot(shape, &[&[1000.0, 100.0], &[1.0, 2.0]]);
            plot.svg(&Scale::of(&plot))
        };
        let stacked = svg(Shape::Stacked);
        assert!(stacked.contains("cx=\"279\"") && stacked.contains("cx=\"186.3\""), "{stacked}");
        assert_eq!(stacked, svg(Shape::Grouped));
    }

    #[test]
    fn a_range_is_a_whisker() {
        let mut plot = plot(Shape::Grouped, &[&[20.0], &[40.0]]);
        assert!(!plot.figure().contains("whisker"));
        plot.bars[0].figures = vec![Some(Spread { median: 20.0, min: 10.0, max: 30.0 })];
        let figure = plot.figure();
        assert!(
            figure.contains("d=\"M70.5 22.5V28.5M70.5 25.5H209.5M209.5 22.5V28.5\""),
            "{figure}"
        );
    }

    #[test]
    fn what_is_not_there_is_not_drawn_and_nothing_is_unescaped() {
        let mut plot = plot(Shape::Stacked, &[&[20.0, 1.0]]);
        plot.title = "<b> & \"B\"";
        plot.bars[0].label = "<i>";
        plot.bars[0].figures = vec![None, None];
        plot.bars[0].words = "–".to_owned();
        let figure = plot.figure();
        assert!(rectangles(&plot).is_empty());
        assert!(!figure.contains("<b>") && !figure.contains("<i>"), "{figure}");
        assert!(figure.contains("<title id=\"p-title\">&lt;b&gt; &amp; &quot;B&quot;</title>"));
        assert!(figure.contains("one, two: &lt;i&gt; –."), "{figure}");
    }

    fn plot(shape: Shape, bars: &[&[f64]]) -> Plot<'static> {
        let spread = |median: &f64| Some(Spread { median: *median, min: *median, max: *median });
        let bar = |figures: &&[f64]| Bar {
            label: "sse",
            figures: figures.iter().map(spread).collect(),
            words: format!("{figures:?}"),
        };
        let series: &[&str] = if bars[0].len() == 1 { &["one"] } else { &["one", "two"] };
        Plot { id: "p", title: "Bytes, B", series, shape, bars: bars.iter().map(bar).collect() }
    }

    /// Left ends and widths of the bars, without those of the legend.
    fn rectangles(plot: &Plot<'_>) -> Vec<(f64, f64)> {
        let svg = plot.svg(&Scale::of(plot));
        let number = |text: &str, name: &str| -> f64 {
            let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        svg.split("<rect").skip(1).map(|rect| (number(rect, "x"), number(rect, "width"))).collect()
    }
}
