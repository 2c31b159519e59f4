//! `rego/catalog.yaml` names the templates as they are; gator finds and installs them by it.

use std::process::Command;

use sealgate_tests::e2e::Scenario;
use sealgate_tests::tools;
use serde_json::Value;

use crate::templates;

fn yaml(path: &str) -> Value {
    serde_norway::from_str(&templates::text(&templates::root().join(path))).unwrap()
}

#[test]
fn the_catalog_has_every_template_as_it_is() {
    let catalog = yaml("catalog.yaml");
    assert_eq!(catalog["apiVersion"], "gator.gatekeeper.sh/v1alpha1");
    assert_eq!(catalog["kind"], "PolicyCatalog");
    let policies = catalog["policies"].as_array().unwrap();
    let paths: Vec<_> = policies
        .iter()
        .map(|one| one["templatePath"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = templates::folders()
        .iter()
        .map(|folder| format!("{}/template.yaml", folder.file_name().unwrap().display()))
        .collect();
    assert_eq!(paths, expected);
    for policy in policies {
        let template = yaml(policy["templatePath"].as_str().unwrap());
        let said = &template["metadata"]["annotations"];
        assert_eq!(policy["name"], template["metadata"]["name"]);
        assert_eq!(policy["description"], said["description"]);
        let version = said["metadata.gatekeeper.sh/version"].as_str().unwrap();
        assert_eq!(policy["version"], format!("v{version}"));
        for (bundle, path) in policy["bundleConstraints"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert!(
                policy["bundles"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| one == bundle)
            );
            let constraint = yaml(path.as_str().unwrap());
            assert_eq!(
                constraint["kind"],
                template["spec"]["crd"]["spec"]["names"]["kind"]
            );
        }
    }
    for bundle in catalog["bundles"].as_array().unwrap() {
        for name in bundle["policies"].as_array().unwrap() {
            assert!(
                policies.iter().any(|policy| policy["name"] == *name),
                "{name}"
            );
        }
    }
}

/// Without a cluster: gator reads the catalog, finds the policies, and says what it would install.
#[test]
#[ignore = "needs gator: just tools gator"]
fn gator_policy_finds_and_installs_by_the_catalog() {
    let gator = tools::find("gator").unwrap_or_else(|missing| panic!("{missing}"));
    let home = tempfile::tempdir().unwrap();
    let catalog = templates::root()
        .join("catalog.yaml")
        .canonicalize()
        .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&gator);
        command
            .arg("policy")
            .args(arguments)
            .env("HOME", home.path())
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env("KUBECONFIG", home.path().join("none"))
            .env("GATOR_CATALOG_URL", format!("file://{}", catalog.display()));
        tools::run(&mut command).unwrap_or_else(|failed| panic!("{failed}"))
    };
    let row = Scenario::begin("gator policy update, search", "5 policies");
    run(&["update"]);
    let found = run(&["search", "sealgate"]);
    for folder in templates::folders() {
        let name = folder
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace('-', "");
        assert!(found.contains(&format!("sealgate{name}")), "{found}");
    }
    row.seen("5 policies");
    let row = Scenario::begin("gator policy install --dry-run", "template and constraint");
    let planned = run(&["install", "--bundle", "sealgate-verified", "--dry-run"]);
    assert!(planned.contains("sealgateverifiedimages"), "{planned}");
    row.seen("template and constraint");
}
