//! The picture, read as XML, with the measures of a wide font.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use seccinch::app::scan::graph::Graph;

/// Widths of the characters from space to `~` in `DejaVu` Sans Bold 2.37, in thousandths of the font's size.
const BOLD: [u32; 95] = [
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366, 696, 696, 696, 696, 696,
    696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 581, 1000, 774, 763, 734, 831, 684, 684, 821, 837, 373,
    373, 775, 638, 996, 837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838,
    500, 500, 675, 716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688, 716, 716, 494, 596,
    479, 712, 652, 924, 646, 652, 583, 712, 366, 712, 838,
];
/// What the letters of a font reach above the line that they stand on, and below it, in thousandths of its size.
const ABOVE: f64 = 0.8;
const BELOW: f64 = 0.25;

/// An element: its name, its attributes and the text directly in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn number(&self, name: &str) -> f64 {
        self.attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
    }

    fn area(&self) -> Area {
        let (left, top) = (self.number("x"), self.number("y"));
        Area { left, top, right: left + self.number("width"), bottom: top + self.number("height") }
    }

    /// What a line of text takes up.
    fn line(&self) -> Area {
        let (left, base, size) = (self.number("x"), self.number("y"), self.number("font-size"));
        let width: u32 = self.text.chars().map(width).sum();
        Area {
            left,
            top: base - ABOVE * size,
            right: left + f64::from(width) * size / 1000.0,
            bottom: base + BELOW * size,
        }
    }
}

/// A character's width: Chinese ones are square.
fn width(c: char) -> u32 {
    let place = u32::from(c).checked_sub(32).and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| BOLD.get(place).copied()).unwrap_or(1000)
}

#[derive(Debug, Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn overlaps(self, other: Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(self, other: Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

/// Check that it is XML without anything that acts, that nothing overlaps, that every label is in a box or on the paper,
/// and that lines stay between the columns.
pub(super) fn check(name: &str, graph: &Graph, text: &str) -> Result<()> {
    let elements = elements(text)?;
    let known = ["svg", "title", "style", "rect", "g", "text", "path"];
    let unknown: Vec<_> = elements.iter().filter(|one| !known.contains(&one.name.as_str())).collect();
    assert!(unknown.is_empty(), "{name}: {unknown:?}");
    let handlers = elements
        .iter()
        .flat_map(|one| one.attributes.keys())
        .find(|key| key.starts_with("on") || key.contains("href"));
    assert_eq!(handlers, None, "{name}");
    let named = |wanted: &'static str| elements.iter().filter(move |one| one.name == wanted);
    let boxes: Vec<Area> =
        named("rect").filter(|one| one.attributes.contains_key("class")).map(Element::area).collect();
    assert_eq!(boxes.len(), graph.nodes.len(), "{name}");
    let sheet = &elements[0];
    let paper = Area { left: 0.0, top: 0.0, right: sheet.number("width"), bottom: sheet.number("height") };
    let labels: Vec<(&str, Area)> = named("text").map(|one| (one.text.as_str(), one.line())).collect();
    assert!(labels.len() > graph.nodes.len(), "{name}: a node has no label");
    for (place, one) in boxes.iter().enumerate() {
        assert!(paper.holds(*one), "{name}: {one:?}");
        assert!(!boxes[..place].iter().any(|other| one.overlaps(*other)), "{name}: box {place} overlaps");
        assert!(labels.iter().any(|(_, label)| one.holds(*label)), "{name}: box {place} is empty");
    }
    for (place, (text, label)) in labels.iter().enumerate() {
        assert!(paper.holds(*label), "{name}: {text} leaves the paper: {label:?}");
        let touched: Vec<_> = boxes.iter().filter(|one| one.overlaps(*label)).collect();
        assert!(
            touched.len() <= 1 && touched.iter().all(|one| one.holds(*label)),
            "{name}: {text} leaves its box"
        );
        let other = labels[..place].iter().find(|(_, other)| label.overlaps(*other));
        assert!(other.is_none(), "{name}: {text} overlaps {other:?}");
    }
    assert_eq!(named("path").count(), graph.edges.len(), "{name}");
    for path in named("path") {
        let ends = numbers(&path.attributes["d"]);
        // All four points of the curve lie between both ends, so the curve does.
        let span =
            Area { left: ends[0], right: ends[6], top: ends[1].min(ends[7]), bottom: ends[1].max(ends[7]) };
        assert!(span.left <= ends[2] && ends[4] <= span.right, "{name}: {path:?}");
        assert!(!boxes.iter().any(|one| one.overlaps(span)), "{name}: {path:?} goes through a box");
    }
    Ok(())
}

fn numbers(path: &str) -> Vec<f64> {
    path.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// All elements in their order. An error or a panic where this is not well-formed (XML 1.0, fifth edition).
fn elements(text: &str) -> Result<Vec<Element>> {
    assert!(
        text.chars().all(|c| c == '\n' || (' '..='\u{fffd}').contains(&c)),
        "a character that XML does not have"
    );
    let (mut elements, mut open) = (Vec::<Element>::new(), Vec::<usize>::new());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        if let Some(&inside) = open.last() {
            elements[inside].text.push_str(&resolved(&rest[..start])?);
        } else {
            assert_eq!(rest[..start].trim(), "", "text outside of the picture");
        }
        let end = start + rest[start..].find('>').context("a tag does not end")?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().context("no tag is open")?;
            assert_eq!(elements[closed].name, name);
            continue;
        }
        let is_empty = tag.ends_with('/');
        elements.push(element(tag.trim_end_matches('/'))?);
        open.extend((!is_empty).then_some(elements.len() - 1));
    }
    assert_eq!((open.len(), rest.trim()), (0, ""), "everything is closed");
    Ok(elements)
}

fn element(tag: &str) -> Result<Element> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = BTreeMap::new();
    while let Some((key, after)) = rest.trim_start().split_once("=\"") {
        let (value, after) = after.split_once('"').context("an attribute does not end")?;
        assert!(key.chars().all(|c| c.is_ascii_alphabetic() || c == '-'), "{key:?} is no attribute");
        assert_eq!(attributes.insert(key.to_owned(), resolved(value)?), None, "{key} stands here twice");
        rest = after;
    }
    assert_eq!(rest.trim(), "");
    Ok(Element { name: name.to_owned(), attributes, text: String::new() })
}

/// Text with its references put in.
fn resolved(text: &str) -> Result<String> {
    let mut parts = text.split('&');
    let mut resolved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, after) = part.split_once(';').context("a reference does not end")?;
        resolved.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            other => bail!("{other} is no reference"),
        });
        resolved.push_str(after);
    }
    Ok(resolved)
}
