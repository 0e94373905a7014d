//! The emitted objects against the operator's own schema.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::done;

/// Reads the definition beside the project; nothing where the folder is not there.
fn definition() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/spo-seccompprofile-crd.yaml");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: ../shared/data/spo-seccompprofile-crd.yaml is not beside the project");
        return None;
    };
    Some(serde_norway::from_str(&text).expect("the definition is YAML"))
}

/// The JSON schema of one version. An API server refuses unknown fields when it is asked to be strict, which
/// the schema alone does not say.
fn schema(definition: &Value, version: &str) -> Value {
    let versions = definition["spec"]["versions"].as_array().expect("versions");
    let found = versions.iter().find(|one| one["name"] == version).expect("the version");
    let mut schema = found["schema"]["openAPIV3Schema"].clone();
    tighten(&mut schema);
    schema["properties"]["metadata"] = serde_json::json!({ "type": "object" });
    schema
}

fn tighten(schema: &mut Value) {
    let Value::Object(map) = schema else {
        if let Value::Array(list) = schema {
            list.iter_mut().for_each(tighten);
        }
        return;
    };
    map.retain(|key, _| !key.starts_with("x-kubernetes-"));
    if map.get("properties").is_some_and(Value::is_object) {
        map.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    map.values_mut().for_each(tighten);
}

fn emitted(arguments: &[&str]) -> Value {
    let arguments = [&["convert", "data/web.profile.json", "--to", "k8s"], arguments].concat();
    serde_norway::from_str(&done(&arguments).text()).expect("YAML")
}

/// Check that both versions of the object satisfy the definition, and a broken one does not. Reads the
/// definition beside the project.
#[test]
fn objects_satisfy_the_operators_schema() {
    let Some(definition) = definition() else { return };
    let cases = [("v1", vec![]), ("v1beta1", vec!["--api", "v1beta1", "--namespace", "shop"])];
    for (version, arguments) in cases {
        let validator = jsonschema::validator_for(&schema(&definition, version)).expect("a schema");
        let mut object = emitted(&arguments);
        let errors: Vec<String> = validator.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{version}: {errors:?}");
        assert_eq!(object["apiVersion"], format!("security-profiles-operator.x-k8s.io/{version}"));
        assert_eq!(definition["spec"]["names"]["kind"], object["kind"]);
        object["spec"]["defaultErrnoRet"] = 1.into();
        assert!(!validator.is_valid(&object), "{version}: an unknown field passes");
        object["spec"]["defaultErrnoRet"].take();
        object["spec"]["syscalls"][0]["action"] = "SCMP_ACT_ALOW".into();
        assert!(!validator.is_valid(&object), "{version}: a wrong action passes");
    }
}

/// Check that the scope of the definition is what the namespace rule stands on. Reads the definition beside
/// the project.
#[test]
fn the_object_belongs_to_the_cluster() {
    let Some(definition) = definition() else { return };
    assert_eq!(definition["spec"]["scope"], "Cluster");
}
