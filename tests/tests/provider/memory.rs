//! What is bounded fits the memory of the shipped manifests.

use std::path::{Path, PathBuf};

use sealgate::Config;
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn yaml(file: &str) -> Value {
    let text = std::fs::read_to_string(repository().join(file)).unwrap();
    serde_norway::from_str(&text).unwrap()
}

/// The bytes of a quantity of Kubernetes.
fn bytes(quantity: &str) -> u64 {
    let (number, unit) = quantity.split_at(quantity.len() - 2);
    let unit = match unit {
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        other => panic!("{other}"),
    };
    number.parse::<u64>().unwrap() * unit
}

#[test]
fn all_bounds_together_fit_the_memory_of_the_manifests_f17() {
    let deployment = yaml("manifests/base/deployment.yaml");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let limit = bytes(container["resources"]["limits"]["memory"].as_str().unwrap());
    // The same Deployment in both, with the same limit: neither says anything of resources.
    for host in ["gatekeeper", "kyverno"] {
        let overlay = yaml(&format!("manifests/{host}/kustomization.yaml"));
        let patches = overlay["patches"].to_string();
        assert!(!patches.contains("/resources"), "no limit of its own");
        let file = format!("manifests/{host}/sealgate.yaml");
        let config = Config::load(&repository().join(&file)).unwrap();
        let sum: u64 = config.memory().iter().map(|(_, bytes)| bytes).sum();
        assert!(sum <= config.limits.memory, "{file}: {:?}", config.memory());
        assert!(config.limits.memory <= limit, "{file}");
    }
}

#[test]
fn bounds_that_do_not_fit_are_refused_with_their_sum_f17() {
    let text = "limits: {memory: 512MiB}\n";
    let error = Config::parse(text, Path::new("c.yaml")).unwrap_err();
    let error = error.to_string();
    for part in ["limits.memory", "cache.verdictBytes", "512 MiB"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn revocation_services_can_be_reached_f19() {
    let policy = yaml("manifests/base/networkpolicy.yaml");
    let ports = policy["spec"]["egress"].as_array().unwrap();
    let ports = ports
        .iter()
        .flat_map(|rule| rule["ports"].as_array().unwrap());
    let ports: Vec<_> = ports.filter_map(|port| port["port"].as_u64()).collect();
    for needed in [53, 80, 443] {
        assert!(ports.contains(&needed), "{needed} in {ports:?}");
    }
}
