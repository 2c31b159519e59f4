//! The objects that are put before the API server.

use serde_json::{Value, json};

/// A Pod with one container for each image.
pub(crate) fn pod(namespace: &str, name: &str, images: &[&str]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": containers(images)},
    })
}

/// A Pod with a container and an init container.
pub(crate) fn pod_with_init(namespace: &str, name: &str, image: &str, init: &str) -> Value {
    let mut pod = pod(namespace, name, &[image]);
    pod["spec"]["initContainers"] = json!([{"name": "init", "image": init}]);
    pod
}

/// A Deployment of a container and, if there is one, an init container.
pub(crate) fn deployment(namespace: &str, name: &str, image: &str, init: Option<&str>) -> Value {
    let labels = json!({"app": name});
    let mut spec = json!({"containers": containers(&[image])});
    if let Some(init) = init {
        spec["initContainers"] = json!([{"name": "init", "image": init}]);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    })
}

/// A CronJob, whose Pods are three templates down.
pub(crate) fn cron_job(namespace: &str, name: &str, image: &str) -> Value {
    let pod = json!({"containers": containers(&[image]), "restartPolicy": "Never"});
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "schedule": "@daily",
            "jobTemplate": {"spec": {"template": {"spec": pod}}},
        },
    })
}

/// A constraint of the shipped template for one namespace.
pub(crate) fn constraint(name: &str, namespace: &str, action: &str) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "SealgateVerifiedImages",
        "metadata": {"name": name},
        "spec": {
            "enforcementAction": action,
            "match": {
                "namespaces": [namespace],
                "kinds": [{"apiGroups": [""], "kinds": ["Pod"]}],
            },
        },
    })
}

fn containers(images: &[&str]) -> Vec<Value> {
    let container = |(index, image)| json!({"name": format!("c{index}"), "image": image});
    images.iter().enumerate().map(container).collect()
}
