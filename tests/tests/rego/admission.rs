//! Which images of which objects are looked at, and what is asked about them.

use sealgate_testkit::rego::Review;
use serde_json::{Value, json};

use crate::harness::{BAD, GOOD, honest, pod, pod_with, recording, review, situations};

/// The kinds that make Pods, and how each embeds one.
fn workloads(spec: &Value) -> Vec<Value> {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": spec});
    let workload = |api: &str, kind: &str, body: Value| {
        let mut object = json!({
            "apiVersion": api,
            "kind": kind,
            "metadata": {"name": "web", "namespace": "prod"},
        });
        let (field, value) = body.as_object().unwrap().iter().next().unwrap();
        object[field] = value.clone();
        object
    };
    let templated = || json!({"spec": {"replicas": 1, "template": template}});
    vec![
        pod_with(spec.clone()),
        workload("apps/v1", "Deployment", templated()),
        workload("apps/v1", "StatefulSet", templated()),
        workload("apps/v1", "DaemonSet", templated()),
        workload("apps/v1", "ReplicaSet", templated()),
        workload("v1", "ReplicationController", templated()),
        workload("batch/v1", "Job", templated()),
        workload(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}}),
        ),
        workload("v1", "PodTemplate", json!({"template": template})),
        workload("argoproj.io/v1alpha1", "Rollout", templated()),
    ]
}

/// A pod specification whose only bad image, if any, is at this place.
fn spec_with_bad(place: Option<&str>) -> Value {
    let image = |here: &str| if place == Some(here) { BAD } else { GOOD };
    json!({
        "containers": [
            {"name": "app", "image": GOOD},
            {"name": "sidecar", "image": image("container \"sidecar\"")},
        ],
        "initContainers": [{"name": "init", "image": image("initContainer \"init\"")}],
        "ephemeralContainers": [{"name": "debug", "image": image("ephemeralContainer \"debug\"")}],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "models", "image": {"reference": image("image volume \"models\"")}},
        ],
    })
}

const PLACES: [&str; 4] = [
    "container \"sidecar\"",
    "ephemeralContainer \"debug\"",
    "image volume \"models\"",
    "initContainer \"init\"",
];

#[test]
fn every_workload_is_admitted_when_all_its_images_are_verified() {
    for object in workloads(&spec_with_bad(None)) {
        assert_eq!(review(&Review::create(object), honest), []);
    }
}

#[test]
fn one_bad_image_anywhere_in_any_workload_is_refused_l_33() {
    for place in PLACES {
        for object in workloads(&spec_with_bad(Some(place))) {
            let violations = review(&Review::create(object), honest);
            assert_eq!(situations(&violations), ["unsigned"]);
            assert_eq!(violations[0].details["image"], BAD);
            assert_eq!(violations[0].details["places"], json!([place]));
        }
    }
}

#[test]
fn ephemeral_containers_are_verified_when_they_are_added_cve_2023_2727() {
    let old = pod(GOOD);
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": BAD}]);
    let update = Review::update(old, new).subresource("ephemeralcontainers");
    let violations = review(&update, honest);
    assert_eq!(situations(&violations), ["unsigned"]);
    assert_eq!(
        violations[0].details["places"],
        json!(["ephemeralContainer \"debug\""])
    );
}

#[test]
fn updates_and_audits_are_reviewed_like_creations() {
    let update = Review::update(pod(GOOD), pod(BAD));
    assert_eq!(situations(&review(&update, honest)), ["unsigned"]);
    let unchanged = Review::update(pod(BAD), pod(BAD));
    assert_eq!(situations(&review(&unchanged, honest)), ["unsigned"]);
    let audit = Review::audit(pod(BAD));
    assert_eq!(situations(&review(&audit, honest)), ["unsigned"]);
}

#[test]
fn what_is_being_deleted_is_let_go_unless_an_image_is_slipped_in() {
    let (calls, source) = recording();
    assert_eq!(review(&Review::delete(pod(BAD)), source), []);
    assert_eq!(calls.lock().unwrap().len(), 0, "nothing is asked");

    let mut terminating = pod(BAD);
    terminating["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let finalizer_off = Review::update(terminating.clone(), terminating.clone());
    assert_eq!(review(&finalizer_off, honest), []);

    let mut slipped = terminating.clone();
    slipped["spec"]["containers"][0]["image"] = json!("registry.example.com/evil");
    slipped["spec"]["initContainers"] = json!([{"name": "i", "image": BAD}]);
    let update = Review::update(terminating, slipped);
    assert_eq!(situations(&review(&update, honest)), ["unsigned"]);
}

#[test]
fn deletion_timestamp_of_the_new_object_excuses_nothing() {
    let mut object = pod(BAD);
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(
        situations(&review(&Review::create(object.clone()), honest)),
        ["unsigned"]
    );
    assert_eq!(
        situations(&review(&Review::update(pod(BAD), object), honest)),
        ["unsigned"]
    );
}

#[test]
fn objects_without_a_pod_specification_are_refused_not_passed() {
    for object in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"image": BAD}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": null}}),
        json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"image": BAD}]}}),
    ] {
        let violations = review(&Review::create(object), honest);
        assert_eq!(situations(&violations), ["unreadable"]);
    }
}

#[test]
fn keys_carry_image_namespace_and_policy() {
    let (calls, source) = recording();
    let asked = |review_: &Review| {
        calls.lock().unwrap().clear();
        review(review_, source.clone());
        calls.lock().unwrap()[0].clone()
    };
    let app = pod("nginx");
    assert_eq!(
        asked(&Review::create(app.clone())),
        [r#"{"image":"nginx","namespace":"prod"}"#]
    );
    assert_eq!(
        asked(&Review::create(app.clone()).parameters(json!({"policy": "release"}))),
        [r#"{"image":"nginx","namespace":"prod","policy":"release"}"#]
    );
    assert_eq!(
        asked(&Review::create(app).namespace("request")),
        [r#"{"image":"nginx","namespace":"request"}"#]
    );
}

#[test]
fn object_without_namespace_is_still_asked_about_l_31() {
    let (calls, source) = recording();
    let mut object = pod(BAD);
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    let violations = review(&Review::create(object), source);
    assert_eq!(situations(&violations), ["unsigned"]);
    assert_eq!(
        calls.lock().unwrap()[0],
        [r#"{"image":"registry.example.com/prod/unsigned:v1"}"#]
    );
}

#[test]
fn image_names_cannot_pretend_another_namespace_or_policy() {
    for image in ["[dev]nginx", r#"{"image":"nginx","namespace":"dev"}"#] {
        let (calls, source) = recording();
        review(&Review::create(pod(image)), source);
        let key: Value = serde_json::from_str(&calls.lock().unwrap()[0][0]).unwrap();
        assert_eq!(key, json!({"image": image, "namespace": "prod"}));
    }
}

#[test]
fn each_image_is_asked_about_once_and_all_in_one_call() {
    let (calls, source) = recording();
    let spec = json!({
        "containers": [{"name": "a", "image": GOOD}, {"name": "b", "image": GOOD}],
        "initContainers": [{"name": "c", "image": BAD}],
    });
    review(&Review::create(pod_with(spec)), source);
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 2, "one call for each dialect");
    assert_eq!(calls[0].len(), 2);
}

#[test]
fn exempt_images_are_neither_asked_about_nor_refused() {
    let (calls, source) = recording();
    for pattern in [
        BAD,
        "registry.example.com/prod/*",
        "registry.example.com/prod/unsigned:*",
    ] {
        let exempting = Review::create(pod(BAD)).parameters(json!({"exemptImages": [pattern]}));
        assert_eq!(review(&exempting, source.clone()), []);
    }
    assert_eq!(calls.lock().unwrap().len(), 0);
}

#[test]
fn exemptions_reach_no_other_registry() {
    for pattern in [
        "*",
        "",
        "registry*",
        "registry.example.com*",
        "unsigned:v1",
        "*/unsigned:v1",
    ] {
        let exempting = Review::create(pod(BAD)).parameters(json!({"exemptImages": [pattern]}));
        assert_eq!(
            situations(&review(&exempting, honest)),
            ["unsigned"],
            "{pattern}"
        );
    }
    let lookalike = "registry.example.com.evil.org/prod/app";
    let exempting = Review::create(pod(lookalike))
        .parameters(json!({"exemptImages": ["registry.example.com/*"]}));
    let (calls, source) = recording();
    review(&exempting, source);
    assert_eq!(calls.lock().unwrap().len(), 2, "asked about");
}
