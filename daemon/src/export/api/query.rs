//! The part of a URL behind the question mark (application/x-www-form-urlencoded).

use hyper::StatusCode;

use crate::export::http::Problem;

/// The parameters of a query, each at most once.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may have these parameters and no others.
    pub(super) fn parse(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decode(name).zip(decode(value));
            let (name, value) =
                decoded.ok_or_else(|| bad(format!("`{pair}` is not percent-encoded text")))?;
            if !known.contains(&name.as_str()) {
                return Err(bad(format!("there is no parameter `{name}`: use {}", known.join(", "))));
            }
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(bad(format!("the parameter `{name}` stands there twice: give it once")));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// A parameter's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that parameters are decoded, and that what is unknown, repeated or broken is refused.
    #[test]
    fn queries_are_read() {
        let query = Query::parse("to=k8s&name=a%2Db+c&", &["to", "name"]).unwrap();
        assert_eq!(
            (query.get("to"), query.get("name"), query.get("api")),
            (Some("k8s"), Some("a-b c"), None)
        );
        for (wrong, why) in
            [("x=1", "no parameter `x`"), ("to=a&to=b", "twice"), ("to=%f", "percent"), ("to=%ff", "percent")]
        {
            let problem = Query::parse(wrong, &["to"]).unwrap_err();
            assert!(problem.detail.contains(why), "{wrong}: {}", problem.detail);
        }
    }
}
