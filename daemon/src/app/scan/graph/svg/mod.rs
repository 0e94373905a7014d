//! A graph as a picture that stands alone: no script, nothing that is loaded, readable on a light background.
//!
//! The lines of a box in the middle are in one group with it, so that a style sheet can bring them out together.

mod layout;
mod measure;
mod order;

use std::fmt::Write as _;

use super::palette::{self, Paint};
use super::words::plain;
use super::{Column, Graph, Node, OPTIONAL};
use layout::{Frame, LARGE, Layout, MARGIN, PADDING, SMALL, Style, layout};
use measure::fitting;

const STYLE: &str = "text{font-family:Arial,Helvetica,'Liberation Sans','DejaVu Sans',sans-serif;fill:#0f172a}\
                     path{fill:none;stroke-opacity:.5}.t{stroke-opacity:.3}\
                     g:hover>path,path:hover{stroke-opacity:1}\
                     .n{font-weight:bold}.q{fill:#78716c;font-style:italic}.h{font-weight:bold;fill:#334155}";
/// The height of a line below the boxes.
const LINE: u32 = 18;

pub(super) fn render(graph: &Graph) -> String {
    let layout = layout(graph);
    let below = below(graph, &layout);
    let height = layout.bottom + MARGIN + LINE * u32::try_from(below.len()).unwrap_or_default() + MARGIN;
    let width = layout.width;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n"
    );
    let _ = writeln!(text, "<title>{}</title>", escaped(&graph.title()));
    let _ = writeln!(text, "<style>{STYLE}</style>");
    let _ = writeln!(text, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
    head(graph, &layout, &mut text);
    for (place, node) in graph.nodes.iter().enumerate() {
        let is_middle = node.role.column() == Column::Through;
        text.push_str("<g>\n");
        if is_middle {
            edges(graph, &layout, place, &mut text);
        }
        frame(graph, node, &layout.frames[place], &mut text);
        if is_middle {
            stripe(&layout.frames[place], palette::of_middle(graph, place), &mut text);
        }
        text.push_str("</g>\n");
    }
    for (number, line) in (1..).zip(below) {
        let y = layout.bottom + MARGIN + LINE * number;
        text.push_str(&text_at(MARGIN, y, SMALL, "", &line));
    }
    text.push_str("</svg>\n");
    text
}

fn head(graph: &Graph, layout: &Layout, text: &mut String) {
    let room = layout.width - 2 * MARGIN;
    text.push_str(&text_at(MARGIN, 38, 20, "h", &fitting(&graph.title(), 20, room)));
    text.push_str(&text_at(MARGIN, 60, SMALL, "", &fitting(&graph.figures(), SMALL, room)));
    for (column, x) in [Column::From, Column::Through, Column::To].into_iter().zip(layout.columns) {
        text.push_str(&text_at(x, 96, LARGE, "h", column.title()));
    }
}

/// How to read the picture, and what is not in it.
fn below(graph: &Graph, layout: &Layout) -> Vec<String> {
    let mut words = vec![
        "Blue: packages of the program. Green: modules that it depends on, by repository. Grey: code that is not Go.".to_owned(),
        "A line: what is on the left calls what is on the right. The wider it is, the more system calls are made on that way."
            .to_owned(),
        format!("Dashed: {OPTIONAL}, between fork and exec (os/exec)."),
        "A box in the middle without a line on its left is called through interfaces, or by every package (the runtime)."
            .to_owned(),
        "Point at a box or a line to read what stands behind it.".to_owned(),
    ];
    words.extend(graph.notes());
    let most = layout.width - 2 * MARGIN;
    words.iter().map(|words| fitting(words, SMALL, most)).collect()
}

/// The lines to and from a node.
fn edges(graph: &Graph, layout: &Layout, node: usize, text: &mut String) {
    let color = palette::of_middle(graph, node);
    for (edge, [from, to]) in graph.edges.iter().zip(&layout.lines) {
        if edge.from != node && edge.to != node {
            continue;
        }
        let bend = (to.0 - from.0) / 2;
        let dashed = if edge.is_optional() { " stroke-dasharray=\"6 4\"" } else { "" };
        let thin = if edge.count() == 1 { " class=\"t\"" } else { "" };
        let _ = writeln!(
            text,
            "<path{thin} d=\"M{} {}C{} {} {} {} {} {}\" stroke=\"{color}\" stroke-width=\"{}\"{dashed}><title>{}</title></path>",
            from.0,
            from.1,
            from.0 + bend,
            from.1,
            to.0 - bend,
            to.1,
            to.0,
            to.1,
            palette::width_of(edge),
            escaped(&graph.explained(edge)),
        );
    }
}

fn frame(graph: &Graph, node: &Node, frame: &Frame, text: &mut String) {
    let paint = Paint::of(&node.role);
    let dashed = if paint.is_dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    let Frame { x, y, width, height, .. } = frame;
    let _ = write!(
        text,
        "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{}\" \
         stroke=\"{}\"{dashed}>",
        paint.class, paint.fill, paint.line
    );
    let _ = writeln!(text, "<title>{}</title></rect>", escaped(&tooltip(graph, node)));
    for (number, (style, line)) in (0..).zip(&frame.lines) {
        let class = match style {
            Style::Name => "n",
            Style::Normal => "",
            Style::Quiet => "q",
        };
        text.push_str(&text_at(x + PADDING, frame.baseline(number), style.size(), class, line));
    }
}

/// What colour the lines of a box in the middle have.
fn stripe(frame: &Frame, color: &str, text: &mut String) {
    let Frame { x, y, height, .. } = frame;
    let _ = writeln!(text, "<rect x=\"{x}\" y=\"{y}\" width=\"4\" height=\"{height}\" fill=\"{color}\"/>");
}

fn tooltip(graph: &Graph, node: &Node) -> String {
    let members: Vec<_> = node.members.iter().map(|member| plain(member)).collect();
    let mut text = vec![plain(&node.label)];
    if node.role.column() == Column::To {
        text.push(node.extent());
    } else {
        text.extend(members);
        text.push(graph.names(&node.syscalls).join(", "));
    }
    text.join("\n")
}

fn text_at(x: u32, y: u32, size: u32, class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{class}>{}</text>\n", escaped(text))
}

/// Text as XML holds it. What it can't hold at all, [`plain`] has made readable before.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
