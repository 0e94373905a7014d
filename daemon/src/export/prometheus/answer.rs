//! What a Prometheus answers to an instant query.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The labels of one series, its name among them.
pub(super) type Labels = BTreeMap<String, String>;

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The series that were found.
    pub(super) series: Vec<Labels>,
    /// What was not all right, such as a part of a cluster that did not answer.
    pub(super) warnings: Vec<String>,
}

// Fields are added from version to version, so unknown ones are no fault.
#[derive(Deserialize)]
struct AnswerFile {
    data: DataFile,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum DataFile {
    Vector(Vec<SeriesFile>),
}

#[derive(Deserialize)]
struct SeriesFile {
    metric: Labels,
}

#[derive(Deserialize)]
struct ErrorFile {
    error: String,
}

/// The series in a good answer.
pub(super) fn parse(bytes: &[u8]) -> Result<Answer, serde_json::Error> {
    let AnswerFile { data: DataFile::Vector(series), warnings } = serde_json::from_slice(bytes)?;
    Ok(Answer { series: series.into_iter().map(|one| one.metric).collect(), warnings })
}

/// What a bad answer says.
pub(super) fn error(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<ErrorFile>(bytes).ok().map(|file| file.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a good answer, a bad one, and none at all are told apart.
    #[test]
    fn answers_are_told_apart() {
        let good = br#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"a","b":"c"},"value":[1.5,"1"]}],"analysis":{}},"warnings":["slow"],"infos":[]}"#;
        let answer = parse(good).unwrap();
        assert_eq!(
            answer.series,
            [Labels::from([("__name__".into(), "a".into()), ("b".into(), "c".into())])]
        );
        assert_eq!(answer.warnings, ["slow"]);
        let bad = br#"{"status":"error","errorType":"bad_data","error":"no such thing"}"#;
        assert_eq!(error(bad).as_deref(), Some("no such thing"));
        assert!(parse(bad).is_err());
        assert_eq!(error(b"<html>"), None);
        assert!(parse(br#"{"data":{"resultType":"scalar","result":[1,"1"]}}"#).is_err());
    }
}
