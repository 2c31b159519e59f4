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
    let config = only("manifests/gatekeeper/sealgate.yaml");
    let request = config["timeouts"]["request"].as_str().unwrap();
    let request: u64 = request.strip_suffix("ms").unwrap().parse().unwrap();
    let providers = documents("manifests/gatekeeper/provider.yaml");
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
        let text = fs::read_to_string(
            source::root()
                .join("manifests/kyverno/policies")
                .join(policy),
        )
        .unwrap();
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
    let deployment = only("manifests/base/deployment.yaml");
    let spec = &deployment["spec"];
    assert!(spec["replicas"].as_u64().unwrap() >= 2);
    let pod = &spec["template"]["spec"];
    let account = only("manifests/base/serviceaccount.yaml");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert!(pod["topologySpreadConstraints"].is_array() || pod["affinity"].is_object());
    assert!(!documents("manifests/base/poddisruptionbudget.yaml").is_empty());
    let config = only("manifests/gatekeeper/sealgate.yaml");
    assert!(config["listeners"][0]["tokenReview"].is_null());
}

/// What `manifests/base` has, its overlays have: whoever reads it has read what is installed.
#[test]
fn the_overlays_only_add_to_their_base() {
    let base = "manifests/base";
    let mut patches = 0;
    for host in ["gatekeeper", "kyverno"] {
        let overlay = only(&format!("manifests/{host}/kustomization.yaml"));
        assert!(
            overlay["resources"]
                .as_array()
                .unwrap()
                .contains(&"../base".into())
        );
        for generator in ["configMapGenerator", "secretGenerator"] {
            for made in overlay[generator].as_array().into_iter().flatten() {
                assert!(made["behavior"].is_null(), "{host}: {made}");
            }
        }
        for patch in overlay["patches"].as_array().unwrap() {
            let kind = patch["target"]["kind"].as_str().unwrap().to_lowercase();
            let base = only(&format!("{base}/{kind}.yaml"));
            let operations = patch["patch"].as_str().unwrap();
            let operations: Value = serde_norway::from_str(operations).unwrap();
            for operation in operations.as_array().unwrap() {
                assert_eq!(operation["op"], "add", "{host}: {operation}");
                let path = operation["path"].as_str().unwrap();
                match path.strip_suffix("/-") {
                    Some(list) => assert!(base.pointer(list).unwrap().is_array(), "{path}"),
                    None => assert!(base.pointer(path).is_none(), "{path} is there"),
                }
                patches += 1;
            }
        }
    }
    assert_eq!(patches, 7);
}
