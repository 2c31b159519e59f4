//! `sealgate verify -f`: which images are found in manifests, what is said of the rest, and how the
//! answers are printed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use sealgate_testkit::image;
use sealgate_testkit::publish;
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use super::{Run, sealgate};

/// A registry with `shop/signed:1.0` and `shop/unsigned:1.0`, and a policy for the namespaces
/// `prod-*` that wants the first one's signature.
struct World {
    registry: Registry,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let release = SigningKey::generate(Kind::P256);
        let signed = image::single(&registry, "shop/signed", "1.0", "signed");
        let payload = sign::simple_signing(&signed.name(), &signed.digest, &Value::Null);
        let layer = sign::cosign_layer(&release, payload);
        publish::cosign_tag(&registry, "shop/signed", &signed.digest, &[layer]);
        image::single(&registry, "shop/unsigned", "1.0", "unsigned");
        let folder = tempfile::tempdir().unwrap();
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "production"},
            "spec": {
                "images": [{"glob": "**"}],
                "namespaces": ["prod-*"],
                "authorities": [{"name": "release", "key": {"data": release.public_pem()}}],
            },
        });
        std::fs::write(folder.path().join("policy.yaml"), policy.to_string()).unwrap();
        Self { registry, folder }
    }

    fn image(&self, name: &str) -> String {
        format!("{}/shop/{name}:1.0", self.registry.host())
    }

    /// What is printed about manifests in which `SIGNED` and `UNSIGNED` stand for the images.
    fn verify(&self, manifests: &str, arguments: &[&str]) -> Run {
        let manifests = manifests
            .replace("UNSIGNED", &self.image("unsigned"))
            .replace("SIGNED", &self.image("signed"));
        let host = self.registry.host();
        std::fs::write(self.folder.path().join("m.yaml"), manifests).unwrap();
        let own = [
            "verify",
            "-f",
            "m.yaml",
            "--policy",
            "policy.yaml",
            "--plain-http",
            &host,
        ];
        let all: Vec<_> = own.iter().chain(arguments).copied().collect();
        let run = tokio::task::block_in_place(|| sealgate(self.folder.path(), &all));
        let shown = |text: &str| text.replace(&host, "HOST");
        Run {
            out: shown(&run.out),
            err: shown(&run.err),
            ..run
        }
    }
}

/// Everything that makes Pods, an image of each kind in one of them, and things without any.
const MANIFESTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: all, namespace: prod-shop}
spec:
  initContainers: [{name: first, image: "SIGNED"}]
  containers: [{name: app, image: "SIGNED"}]
  ephemeralContainers: [{name: debug, image: "UNSIGNED"}]
  volumes:
  - {name: model, image: {reference: "UNSIGNED"}}
  - {name: none, emptyDir: {}}
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: prod-shop}
  spec: {template: {spec: {containers: [{name: web, image: "SIGNED"}]}}}
- {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
- {apiVersion: v1, kind: ReplicationController, metadata: {name: rc}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
- {apiVersion: v1, kind: PodTemplate, metadata: {name: t}, template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}
- {apiVersion: batch/v1, kind: Job, metadata: {generateName: j-}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
- {apiVersion: batch/v1, kind: CronJob, metadata: {name: cj}, spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}}}
- {apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: ro}, spec: {template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}}
--- # What has no images, or has them where nobody looks.
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
---
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}
---
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: v, namespace: prod-shop}
spec: {tasks: [{template: {spec: {containers: [{name: c, image: "SIGNED"}]}}}]}
---
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_all_that_makes_pods_are_found_and_what_is_not_looked_at_is_said() {
    let world = World::new().await;
    let run = world.verify(MANIFESTS, &["-o", "json", "--namespace", "prod-rest"]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let used = |image: &str, namespace: &str| {
        let images = report["images"].as_array().unwrap();
        let row = images.iter().find(|row| {
            row["image"] == format!("HOST/shop/{image}:1.0") && row["namespace"] == namespace
        });
        let places = row.unwrap()["usedBy"].as_array().unwrap();
        let text = |place: &Value| {
            let part = |name: &str| place[name].as_str().unwrap().to_owned();
            format!("{} {} {}", place["line"], part("object"), part("part"))
        };
        places.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        used("signed", "prod-shop"),
        [
            r#"1 Pod prod-shop/all initContainer "first""#,
            r#"1 Pod prod-shop/all container "app""#,
            r#"12 Deployment prod-shop/web container "web""#,
        ]
    );
    assert_eq!(
        used("unsigned", "prod-shop"),
        [
            r#"1 Pod prod-shop/all ephemeralContainer "debug""#,
            r#"1 Pod prod-shop/all image volume "model""#,
        ]
    );
    let kinds = [
        "StatefulSet s",
        "DaemonSet d",
        "ReplicaSet r",
        "ReplicationController rc",
        "PodTemplate t",
        "Job j-*",
        "CronJob cj",
        "Rollout ro",
    ];
    let kinds = kinds.map(|kind| format!("12 {kind} container \"c\""));
    assert_eq!(used("signed", "prod-rest"), kinds);
    assert_eq!(report["images"].as_array().unwrap().len(), 3);
    assert_eq!(report["summary"], json!({"verified": 2, "unsigned": 1}));
    let unread = report["notLookedAt"].as_array().unwrap();
    let unread: Vec<_> = unread
        .iter()
        .map(|one| one["object"].as_str().unwrap())
        .collect();
    assert_eq!(unread, ["ConfigMap a", "ConfigMap b", "Job prod-shop/v"]);
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_image_is_judged_in_its_namespace_and_fetched_once() {
    let world = World::new().await;
    let pod = |name: &str, namespace: &str, image: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "c", "image": image}]},
        })
    };
    let list = json!({"apiVersion": "v1", "kind": "PodList", "items": [
        pod("a", "prod-a", "UNSIGNED"), pod("b", "test", "UNSIGNED"), pod("c", "prod-a", "SIGNED"),
        pod("d", "prod-a", "UNSIGNED"), pod("e", "prod-b", "UPPER"),
    ]});
    let run = world.verify(&list.to_string(), &["-o", "table"]);
    assert_eq!(
        run.out,
        "\
OUTCOME    CODE              NAMESPACE  IMAGE                   USED BY
unsigned   no_signatures     prod-a     HOST/shop/unsigned:1.0  Pod prod-a/a container \"c\" and 1 more
no_policy  no_policy         test       HOST/shop/unsigned:1.0  Pod test/b container \"c\"
verified   -                 prod-a     HOST/shop/signed:1.0    Pod prod-a/c container \"c\"
undecided  image_unparsable  prod-b     UPPER                   Pod prod-b/e container \"c\"

4 images: 1 verified, 1 no policy, 1 undecided, 1 unsigned
"
        .replace("HOST/shop/unsigned:1.0  ", &padded(&world, "unsigned"))
        .replace("HOST/shop/signed:1.0    ", &padded(&world, "signed"))
        .replace("IMAGE                   ", &padded(&world, "IMAGE"))
        .replace("UPPER                   ", &padded(&world, "UPPER"))
    );
    assert_eq!(run.code, Some(2));
    let asked = world.registry.requests();
    let by_tag = asked
        .iter()
        .filter(|request| request.target.ends_with("/shop/unsigned/manifests/1.0"));
    assert_eq!(by_tag.count(), 1);
}

/// A cell of the table as wide as it was before the host was taken out.
fn padded(world: &World, what: &str) -> String {
    let width = world.image("unsigned").len() + 2;
    let (text, shown) = match what {
        "signed" | "unsigned" => (world.image(what), format!("HOST/shop/{what}:1.0")),
        other => (other.to_owned(), other.to_owned()),
    };
    shown + &" ".repeat(width - text.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_junits_xml_and_sarif() {
    let world = World::new().await;
    let run = world.verify(MANIFESTS, &["-o", "junit", "--namespace", "prod-rest"]);
    for expected in [
        "<testsuites tests=\"3\" failures=\"1\" errors=\"0\">",
        "<testsuite name=\"namespace prod-shop\" tests=\"2\" failures=\"1\" errors=\"0\">",
        "<testcase name=\"HOST/shop/signed:1.0\" classname=\"namespace prod-rest\"/>",
        "<failure type=\"no_signatures\" message=\"the image ",
        "used by Pod prod-shop/all ephemeralContainer &quot;debug&quot;\n",
    ] {
        assert!(run.out.contains(expected), "{expected}\n{}", run.out);
    }
    assert!(
        run.err.starts_with("not looked at: 2 ConfigMap: ")
            && run.err.contains("1 Job (prod-shop/v): "),
        "{}",
        run.err
    );
    assert_eq!(run.code, Some(1));

    let run = world.verify(MANIFESTS, &["-o", "sarif", "--namespace", "prod-rest"]);
    let sarif: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let only = &sarif["runs"][0];
    let results = only["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ruleId"], "no_signatures");
    assert_eq!(results[0]["level"], "error");
    let physical = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "m.yaml");
    let rules = &only["tool"]["driver"]["rules"];
    assert_eq!(rules[0]["id"], "no_signatures");
    let notes = &only["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notes.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_of_manifests_ends_with_who_uses_it_and_how_many_there_are() {
    let world = World::new().await;
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: prod-a}\n\
               spec: {containers: [{name: c, image: SIGNED}]}\n";
    let run = world.verify(pod, &[]);
    assert!(
        run.out.starts_with("HOST/shop/signed:1.0: verified\n"),
        "{}",
        run.out
    );
    let end = "\nused by Pod prod-a/a container \"c\" in the namespace prod-a\n\n\
               1 image: 1 verified; all would be let in\n";
    assert!(run.out.ends_with(end), "{}", run.out);
    assert_eq!(run.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error_that_names_its_place() {
    let world = World::new().await;
    let pod =
        |spec: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n");
    for (manifests, expected) in [
        (
            pod("{containers: [{name: c}]}"),
            "m.yaml:1: Pod a: spec.containers[0].image: expected the name of an image",
        ),
        (
            format!(
                "{}---\n{}",
                pod("{containers: [{name: c, image: a}]}"),
                pod("{containers: {}}")
            ),
            "m.yaml:5: Pod a: spec.containers: expected a list",
        ),
        (
            pod("{}"),
            "m.yaml:1: Pod a: spec.containers: expected at least one container",
        ),
        (pod("[]"), "m.yaml:1: Pod a: spec: expected a mapping"),
        (
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {}\n".to_owned(),
            "CronJob a: spec.jobTemplate.spec.template.spec: expected the specification of a Pod",
        ),
        (
            pod("{containers: [{name: c, image: a}], volumes: [{image: {}}]}"),
            "Pod a: spec.volumes[0].image.reference: expected the name of an image",
        ),
        (
            pod("{containers: [c, {name: c, image: 1}]}"),
            "Pod a: spec.containers[1].image: expected the name of an image",
        ),
        (
            "kind: Pod\n".to_owned(),
            "m.yaml:1: expected an object of Kubernetes, with apiVersion and kind",
        ),
        ("a: 1\n---\nb: [\n".to_owned(), "m.yaml:"),
        (
            r#"{"apiVersion": "v1", "kind": "Pod", "kind": "Job"}"#.to_owned(),
            "m.yaml:1: not JSON: ",
        ),
        (
            r#"{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod"}]}"#.to_owned(),
            "m.yaml:1: items[0] : expected an object of Kubernetes",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n".to_owned(),
            "found no image in m.yaml: nothing would be verified\nnot looked at: 1 ConfigMap",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: []\n".to_owned(),
            "found no image in m.yaml",
        ),
    ] {
        let run = world.verify(&manifests, &["-o", "table"]);
        assert_eq!((run.code, run.out.as_str()), (Some(64), ""), "{manifests}");
        assert!(run.err.contains(expected), "{expected}\n{}", run.err);
    }
}

/// A kind of somebody else's may have containers that are none: that is said, and what is an image
/// in it is judged.
#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_pod_is_judged_as_far_as_it_is_one() {
    let world = World::new().await;
    let manifests = "apiVersion: monitoring.example.com/v1\nkind: Prometheus\n\
                     metadata: {name: k8s, namespace: prod-a}\n\
                     spec: {containers: [{name: patch}, {name: own, image: SIGNED}]}\n";
    let run = world.verify(manifests, &["-o", "table"]);
    assert!(
        run.out.contains("Prometheus prod-a/k8s container \"own\""),
        "{}",
        run.out
    );
    let expected = "not looked at: 1 Prometheus prod-a/k8s spec.containers[0].image: \
                    expected the name of an image\n";
    assert!(run.out.ends_with(expected), "{}", run.out);
    assert_eq!(run.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_read_and_a_registry_that_nobody_listed_is_not_reached_at_home() {
    let world = World::new().await;
    let image = world.image("signed");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "prod-a"},
        "spec": {"containers": [{"name": "c", "image": image}]},
    });
    let run = tokio::task::block_in_place(|| piped(world.folder.path(), &pod.to_string(), &[]));
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["images"][0]["usedBy"][0]["file"], "standard input");
    // Nobody but the manifest names this registry, and it is at a private address.
    let error = &report["images"][0]["error"]["code"];
    assert_eq!(error, "registry_address_forbidden", "{}", run.out);
    assert!(
        run.out.contains("list it with --registry HOST[:PORT]"),
        "{}",
        run.out
    );
    assert_eq!(run.code, Some(2));
    assert!(world.registry.requests().is_empty());
    let host = world.registry.host();
    let listed = ["--plain-http", host.as_str()];
    let run = tokio::task::block_in_place(|| piped(world.folder.path(), &pod.to_string(), &listed));
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
}

fn piped(folder: &Path, input: &str, arguments: &[&str]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sealgate"))
        .args(["verify", "-f", "-", "-o", "json", "--policy", "policy.yaml"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
