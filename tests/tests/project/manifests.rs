//! What is shipped fits together.

use std::fs;

use sealgate_tests::source;
use serde::Deserialize as _;
use serde_json::Value;

/// The YAML documents of a file.
fn documents(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(source::root().join(path)).unwrap();
    let documents = serde_norway::Deserializer::from_str(&text);
    documents
        .map(|one| Value::deserialize(one).unwrap())
        .collect()
}

fn only(path: &str) -> Value {
    let [document] = &documents(path)[..] else {
        panic!("{path} is one document");
    };
    document.clone()
}

#[test]
fn each_deadline_lies_within_the_next_ops_03() {
    let config = only("manifests/sealgate.yaml");
    let request = config["timeouts"]["request"].as_str().unwrap();
    let request: u64 = request.strip_suffix("ms").unwrap().parse().unwrap();
    let providers = documents("manifests/provider.yaml");
    assert_eq!(providers.len(), 2);
    let webhooks = documents("manifests/gatekeeper/webhooks.yaml");
    let webhooks = webhooks.iter().map(|one| &one["webhooks"][0]);
    let webhooks: Vec<_> = webhooks
        .map(|one| one["timeoutSeconds"].as_u64().unwrap())
        .collect();
    assert_eq!(webhooks.len(), 2);
    for provider in providers {
        let provider = provider["spec"]["timeout"].as_u64().unwrap();
        assert!(
            request + 100 <= provider * 1000,
            "{request} ms and {provider} s"
        );
        assert!(
            webhooks.iter().all(|webhook| provider < *webhook),
            "{webhooks:?}"
        );
    }
}

#[test]
fn the_shipped_webhooks_fail_closed_l34() {
    let webhooks = documents("manifests/gatekeeper/webhooks.yaml");
    for webhook in webhooks
        .iter()
        .flat_map(|one| one["webhooks"].as_array().unwrap())
    {
        assert_eq!(webhook["failurePolicy"], "Fail", "{webhook}");
    }
    let values = only("manifests/gatekeeper/values.yaml");
    for webhook in ["validating", "mutating"] {
        assert_eq!(values[format!("{webhook}WebhookFailurePolicy")], "Fail");
        assert_eq!(values[format!("{webhook}WebhookTimeoutSeconds")], 3);
    }
    assert_eq!(values["validatingWebhookCheckIgnoreFailurePolicy"], "Fail");
    for policy in ["validatingpolicy.yaml", "clusterpolicy.yaml"] {
        let text =
            fs::read_to_string(source::root().join("kyverno/policies").join(policy)).unwrap();
        assert!(
            text.contains("failurePolicy: Fail") || text.contains("failureAction: Enforce"),
            "{policy}"
        );
        assert!(!text.contains("Ignore"), "{policy}");
    }
}

/// It reads files; what it needs of the cluster's API is asked for only where tokens are reviewed.
#[test]
fn a_start_needs_no_cluster_and_several_replicas_outlast_one_ops_13() {
    let deployment = only("manifests/deployment.yaml");
    let spec = &deployment["spec"];
    assert!(spec["replicas"].as_u64().unwrap() >= 2);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert!(pod["topologySpreadConstraints"].is_array() || pod["affinity"].is_object());
    assert!(!documents("manifests/poddisruptionbudget.yaml").is_empty());
    let config = only("manifests/sealgate.yaml");
    assert!(config["listeners"][0]["tokenReview"].is_null());
}
