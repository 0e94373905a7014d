//! What a client would rather have: the `Accept` field (RFC 9110, section 12.5.1).

use crate::export::metrics::Format;

/// A weight in thousandths; 0 is "not at all".
type Weight = u16;

/// The format of metrics for a client. Who asks for neither gets the older one, as every scraper reads it.
pub(super) fn metrics_format(accept: &str) -> Format {
    let openmetrics = weight(accept, "application", "openmetrics-text", Some("1.0.0"));
    let text = weight(accept, "text", "plain", Some("0.0.4"));
    // `*/*` alone stands for both, and is no wish for the newer one.
    let is_named = accept.to_ascii_lowercase().contains("openmetrics-text");
    if is_named && openmetrics > 0 && openmetrics >= text { Format::OpenMetrics } else { Format::Text }
}

/// Whether a client would rather have JSON than plain text.
pub(super) fn prefers_json(accept: &str) -> bool {
    weight(accept, "application", "json", None) > weight(accept, "text", "plain", None)
}

/// The weight of the most specific range that a type falls into; 0 if it falls into none.
fn weight(accept: &str, kind: &str, subtype: &str, version: Option<&str>) -> Weight {
    let ranges = accept.split(',').filter_map(|range| {
        let range = Range::parse(range)?;
        let specificity = match (range.kind.as_str(), range.subtype.as_str()) {
            ("*", "*") => 0,
            (one, "*") if one == kind => 1,
            (one, other) if one == kind && other == subtype => 2,
            _ => return None,
        };
        match (range.version, version) {
            (Some(asked), Some(offered)) if asked != offered => None,
            (Some(_), _) => Some((specificity + 1, range.weight)),
            (None, _) => Some((specificity, range.weight)),
        }
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

struct Range {
    kind: String,
    subtype: String,
    version: Option<String>,
    weight: Weight,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Self {
            kind: kind.trim().to_ascii_lowercase(),
            subtype: subtype.trim().to_ascii_lowercase(),
            version: None,
            weight: 1000,
        };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.weight = parse_weight(value.trim())?,
                "version" => range.version = Some(value.trim().trim_matches('"').to_owned()),
                _ => {}
            }
        }
        Some(range)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 0 to 1")]
fn parse_weight(text: &str) -> Option<Weight> {
    let weight: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some((weight * 1000.0) as Weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the format follows the wishes of real scrapers, and of odd ones.
    #[test]
    fn formats_follow_wishes() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
                          q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, */*;q=0.8", Format::Text),
            ("text/plain", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; version=\"1.0.0\"; charset=utf-8", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0.2,text/plain;q=0.3", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=2", Format::Text),
            (";;,/,=;q", Format::Text),
        ] {
            assert_eq!(metrics_format(accept), format, "{accept}");
        }
    }

    /// Check that JSON is given to who wants it more than text.
    #[test]
    fn json_is_a_wish() {
        assert!(prefers_json("application/json"));
        assert!(prefers_json("application/json, text/plain;q=0.5, */*;q=0.1"));
        assert!(!prefers_json("*/*"));
        assert!(!prefers_json(""));
        assert!(!prefers_json("text/plain, application/json;q=0.5"));
    }
}
