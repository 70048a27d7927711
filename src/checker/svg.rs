//! A witness as an SVG: a lane a client, a bar an operation, a numbered disc where it takes effect in the order that
//! explains the others, and the impossible one in another colour. It is written as text: a few kinds of shapes
//! need no library, and
//! the default build stays light.

use super::text::{Layout, lanes, shortened};
use super::witness::{Bar, Witness};
use std::fmt::Write;

/// The width of a character of a label, in pixels, and a bit more: fonts differ.
const CHARACTER: f64 = 7.6;
const LABEL: usize = 40;
const LANE: f64 = 56.0;
const BAR: f64 = 18.0;
const RADIUS: f64 = 8.0;
const EDGE: f64 = 24.0;
/// What a sentence has in a line, in characters.
const LINE: usize = 100;

impl Witness {
    /// The drawing.
    pub fn svg(&self) -> String {
        let label = |bar: &Bar| shortened(&bar.label, LABEL);
        // Room for the disc, too.
        let layout = Layout::new(&self.bars, |bar| label(bar).chars().count().max(4));
        let lanes = lanes(&self.bars);
        let names: Vec<String> = lanes.keys().map(|client| format!("client {client}")).collect();
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let left = EDGE + (longest + 2) as f64 * CHARACTER;
        let sentence = wrapped(&self.sentence, LINE);
        let top = EDGE + 20.0 * sentence.len() as f64 + 16.0;
        let widest = sentence.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
        let x = |column: f64| left + column * CHARACTER;
        let width = (x(layout.width as f64) + EDGE).max(EDGE * 2.0 + widest * 8.6).max(760.0);
        let height = top + LANE * lanes.len() as f64 + 64.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (line, text) in sentence.iter().enumerate() {
            let y = EDGE + 12.0 + 20.0 * line as f64;
            let _ =
                writeln!(svg, "<text x=\"{EDGE}\" y=\"{y:.1}\" font-size=\"14\">{}</text>", escaped(text));
        }
        let points = self.points(&layout);
        for (lane, (name, bars)) in names.iter().zip(lanes.values()).enumerate() {
            let y = top + LANE * lane as f64 + 24.0;
            let _ = writeln!(
                svg,
                "<text x=\"{EDGE}\" y=\"{:.1}\" fill=\"#444\">{name}</text>\n<line x1=\"{left:.1}\" y1=\"{:.1}\" \
                 x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>",
                y + BAR / 2.0 + 4.0,
                y + BAR / 2.0,
                width - EDGE,
                y + BAR / 2.0,
            );
            for bar in bars {
                let (from, to) = layout.span(bar);
                let (from, to) = (x(from as f64), x(to as f64));
                let (fill, stroke) =
                    if bar.impossible { ("#f6c9b8", "#d55e00") } else { ("#d6e6f2", "#0072b2") };
                let dash = if bar.responded.is_none() { " stroke-dasharray=\"5 3\"" } else { "" };
                let title = escaped(&format!("client {}: {}", bar.client, bar.label));
                let _ = writeln!(
                    svg,
                    "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"3\" fill=\"{fill}\" \
                     stroke=\"{stroke}\"{dash}><title>{title}</title></rect>",
                    to - from
                );
                let weight = if bar.impossible { " font-weight=\"bold\"" } else { "" };
                let _ = writeln!(
                    svg,
                    "<text x=\"{from:.1}\" y=\"{:.1}\"{weight}>{}</text>",
                    y - 6.0,
                    escaped(&label(bar))
                );
                let middle = y + BAR / 2.0;
                if bar.impossible {
                    let (a, b) = ((from + to) / 2.0 - 5.0, (from + to) / 2.0 + 5.0);
                    let _ = writeln!(
                        svg,
                        "<path d=\"M{a:.1} {:.1} L{b:.1} {:.1} M{a:.1} {:.1} L{b:.1} {:.1}\" stroke=\"#d55e00\" \
                         stroke-width=\"2.5\"/>",
                        middle - 5.0,
                        middle + 5.0,
                        middle + 5.0,
                        middle - 5.0
                    );
                } else if let Some(place) = bar.place {
                    let at = points
                        .iter()
                        .find(|(of, _)| *of == place)
                        .map_or((from + to) / 2.0, |(_, at)| x(*at));
                    let at = at.clamp(from + RADIUS + 1.0, (to - RADIUS - 1.0).max(from + RADIUS + 1.0));
                    let _ = writeln!(
                        svg,
                        "<circle cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"{RADIUS}\" fill=\"#0072b2\"/>\n<text \
                         x=\"{at:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"white\" text-anchor=\"middle\">{place}</text>",
                        middle + 3.5
                    );
                }
            }
        }
        self.draw_times(&mut svg, &layout, x, top + LANE * lanes.len() as f64 + 18.0, width);
        let _ = writeln!(
            svg,
            "<text x=\"{EDGE}\" y=\"{:.1}\" fill=\"#444\" font-size=\"11\">discs: an order that explains the \
             others; cross: what fits nowhere; dashed: of unknown outcome</text>\n</svg>",
            height - 12.0
        );
        svg
    }

    /// Where in time each operation takes effect, by its place in the order: as early as those before it allow.
    fn points(&self, layout: &Layout) -> Vec<(usize, f64)> {
        let mut placed: Vec<&Bar> = self.bars.iter().filter(|bar| bar.place.is_some()).collect();
        placed.sort_by_key(|bar| bar.place);
        let mut at: f64 = 0.0;
        let point = |bar: &Bar| {
            let (from, to) = layout.span(bar);
            // A disc is three characters wide.
            at = (at + 2.6).max(from as f64 + 1.5).min(to as f64 - 1.5);
            (bar.place.unwrap_or(0), at)
        };
        placed.into_iter().map(point).collect()
    }

    /// The times of invocations and responses, where there is room.
    fn draw_times(&self, svg: &mut String, layout: &Layout, x: impl Fn(f64) -> f64, y: f64, width: f64) {
        let mut moments: Vec<_> =
            self.bars.iter().flat_map(|bar| [Some(bar.invoked), bar.responded]).flatten().collect();
        moments.sort_unstable();
        moments.dedup();
        let mut free = 0.0;
        for moment in moments {
            let (text, at) = (moment.to_string(), x(layout.column(&moment) as f64));
            let _ = writeln!(
                svg,
                "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#888\"/>",
                y - 18.0,
                y - 12.0
            );
            let half = text.chars().count() as f64 * 3.4;
            let middle = at.min(width - half - 4.0);
            if middle - half >= free {
                let _ = writeln!(
                    svg,
                    "<text x=\"{middle:.1}\" y=\"{y:.1}\" font-size=\"11\" fill=\"#444\" \
                     text-anchor=\"middle\">{text}</text>"
                );
                free = middle + half + 8.0;
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// In lines of at most `length` characters, if words allow.
fn wrapped(text: &str, length: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = shortened(word, length);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= length => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}
