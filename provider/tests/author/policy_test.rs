//! `sealgate policy test`: what passes, what fails and how it is told, and what is refused because it
//! could not fail.

use std::path::Path;

use sealgate_testkit::image;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::publish;
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use super::{Run, sealgate};

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const HEAD: &str = "apiVersion: sealgate.dev/v1alpha1\nkind: PolicyTest\npolicies: [policy]\n\
                    now: 2027-01-15T08:00:00Z\n";

/// A folder with a policy, a pack that it admits and one that it refuses.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let release = SigningKey::generate(Kind::P256);
    std::fs::create_dir(folder.path().join("policy")).unwrap();
    let policy = policy(&release, "**");
    std::fs::write(folder.path().join("policy/p.yaml"), policy).unwrap();
    let image = Pack::image(IMAGE, "a");
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
    let signed = image
        .clone()
        .with_cosign(&[sign::cosign_layer(&release, payload)]);
    for (name, pack) in [("signed", signed), ("unsigned", image)] {
        let file = folder.path().join(format!("{name}.pack"));
        std::fs::write(file, pack.evidence().to_pack()).unwrap();
    }
    folder
}

fn policy(key: &SigningKey, glob: &str) -> String {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": glob}],
            "authorities": [{"name": "release", "key": {"data": key.public_pem(), "name": "release"}}],
        },
    })
    .to_string()
}

fn run(folder: &Path, cases: &str, arguments: &[&str]) -> Run {
    std::fs::write(folder.join("cases.yaml"), format!("{HEAD}cases:\n{cases}")).unwrap();
    let arguments: Vec<_> = ["policy", "test", "."]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    sealgate(folder, &arguments)
}

const SIGNED: &str = "- {name: signed, pack: signed.pack, expect: {outcome: verified}}\n";

#[test]
fn each_case_has_a_line_and_what_differs_is_below_it() {
    let folder = folder();
    let cases = format!(
        "{SIGNED}\
         - {{name: wrong outcome, pack: unsigned.pack, expect: {{outcome: verified}}}}\n\
         - {{name: wrong reason, pack: unsigned.pack, expect: {{outcome: unsigned, codes: [artifact_unknown]}}}}\n"
    );
    let run = run(folder.path(), &cases, &[]);
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines[0], "ok        signed (./cases.yaml:6)");
    assert_eq!(lines[1], "failed    wrong outcome (./cases.yaml:7)");
    assert_eq!(lines[2], "          expected  verified");
    assert_eq!(lines[3], "          found     unsigned [no_signatures]");
    assert!(
        lines[4].starts_with("          because   no_signatures: "),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "failed    wrong reason (./cases.yaml:8)");
    assert_eq!(lines[6], "          expected  unsigned [artifact_unknown]");
    assert_eq!(*lines.last().unwrap(), "3 cases: 1 passed, 2 failed");
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
}

#[test]
fn the_exit_code_is_that_of_the_worst_case() {
    let folder = folder();
    let undecided = "- {name: other, pack: signed.pack, image: \"registry.example.com/other:1\", expect: {outcome: verified}}\n";
    let broken = "- {name: gone, pack: gone.pack, expect: {outcome: verified}}\n";
    for (cases, code, last) in [
        (SIGNED.to_owned(), 0, "1 case: 1 passed"),
        (
            format!("{SIGNED}{undecided}"),
            2,
            "2 cases: 1 passed, 1 undecided",
        ),
        (
            format!("{undecided}{SIGNED}{broken}"),
            64,
            "3 cases: 1 passed, 1 undecided, 1 broken",
        ),
    ] {
        let run = run(folder.path(), &cases, &[]);
        assert_eq!(run.out.lines().last(), Some(last), "{}", run.out);
        assert_eq!(run.code, Some(code), "{}", run.out);
    }
    // To expect that nothing can be decided is a test as well.
    let expected = undecided.replace("verified", "undecided, codes: [question_mismatch]");
    let run = run(folder.path(), &expected, &[]);
    assert_eq!(run.code, Some(0), "{}", run.out);
}

#[test]
fn programs_are_told_the_same_in_json_and_in_junits_xml() {
    let folder = folder();
    let cases = format!(
        "{SIGNED}- {{name: \"<unsigned> & \\\"odd\\\"\", pack: unsigned.pack, expect: {{outcome: verified}}}}\n"
    );
    let json = run(folder.path(), &cases, &["-o", "json"]);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    let summary = json!({"passed": 1, "failed": 1, "undecided": 0, "broken": 0});
    assert_eq!(report["summary"], summary);
    assert_eq!(report["cases"][0]["result"], "passed");
    let failed = &report["cases"][1];
    assert_eq!(failed["result"], "failed");
    assert_eq!(
        failed["expected"],
        json!({"outcome": "verified", "codes": []})
    );
    assert_eq!(
        failed["found"],
        json!({"outcome": "unsigned", "codes": ["no_signatures"]})
    );
    let xml = run(folder.path(), &cases, &["-o", "junit"]);
    assert_eq!((json.code, xml.code), (Some(1), Some(1)));
    for expected in [
        "<testsuites tests=\"2\" failures=\"1\" errors=\"0\">",
        "<testsuite name=\"./cases.yaml\" tests=\"2\" failures=\"1\" errors=\"0\">",
        "<testcase name=\"signed\" classname=\"./cases.yaml\"/>",
        "<testcase name=\"&lt;unsigned&gt; &amp; &quot;odd&quot;\" classname=\"./cases.yaml\">",
        "<failure type=\"unsigned\" message=\"expected verified, found unsigned [no_signatures]\">",
    ] {
        assert!(xml.out.contains(expected), "{expected}\n{}", xml.out);
    }
}

#[test]
fn what_could_not_fail_is_refused_with_line_and_field() {
    let folder = folder();
    for (cases, expected) in [
        (
            "  []\n",
            "./cases.yaml:5: cases: expected at least one case",
        ),
        (
            "- {name: a, pack: signed.pack}\n",
            "./cases.yaml:6: cases[0]: missing field `expect`",
        ),
        (
            "- {name: a, pack: signed.pack, expect: {}}\n",
            "./cases.yaml:6: cases[0].expect: missing field `outcome`",
        ),
        (
            "- {name: a, pack: signed.pack, expect: {outcome: unsigned}}\n",
            "./cases.yaml:6: cases[0].expect: expected the codes that make it unsigned",
        ),
        (
            "- {name: a, pack: signed.pack, expect: {outcome: unsigned, codes: [no_signature]}}\n",
            "./cases.yaml:6: cases[0].expect.codes: no outcome unsigned has the code \"no_signature\"",
        ),
        (
            "- {name: a, pack: signed.pack, expect: {outcome: fine}}\n",
            "cases[0].expect.outcome: unknown variant `fine`",
        ),
        (
            "- {name: a, pack: signed.pack, policies: ~, expect: {outcome: verified}}\n",
            "cases[0].policies: invalid type",
        ),
        (
            "- {name: a, expect: {outcome: verified}}\n",
            "./cases.yaml:6: cases[0]: expected a pack",
        ),
        (
            "- {name: a, pack: signed.pack, polices: [x], expect: {outcome: verified}}\n",
            "./cases.yaml:6: cases[0].polices: unknown field `polices`",
        ),
        (
            &format!("{SIGNED}{SIGNED}"),
            "./cases.yaml:7: cases[1].name: two cases are named \"signed\"",
        ),
    ] {
        let run = run(folder.path(), cases, &[]);
        assert_eq!((run.code, run.out.as_str()), (Some(64), ""), "{cases}");
        assert!(run.err.contains(expected), "{expected}\n{}", run.err);
    }
    // A directory without cases, and one whose file is something else.
    let empty = tempfile::tempdir().unwrap();
    let run = sealgate(empty.path(), &["policy", "test", "."]);
    assert_eq!(run.code, Some(64));
    assert!(
        run.err.contains("this directory holds no cases"),
        "{}",
        run.err
    );
    let run = sealgate(folder.path(), &["policy", "test", "policy"]);
    assert_eq!(run.code, Some(64));
    assert!(
        run.err.contains("unknown variant `TrustPolicy`"),
        "{}",
        run.err
    );
}

#[test]
fn a_case_that_cannot_be_run_says_what_is_wrong_with_its_policy() {
    let folder = folder();
    std::fs::write(folder.path().join("policy/q.yaml"), "kind: Nonsense\n").unwrap();
    let run = run(folder.path(), SIGNED, &[]);
    assert_eq!(run.code, Some(64));
    assert!(
        run.out.starts_with("broken    signed (./cases.yaml:6)\n"),
        "{}",
        run.out
    );
    assert!(run.out.contains("policy/q.yaml:1"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_may_name_an_image_in_a_registry() {
    let folder = folder();
    let release = SigningKey::generate(Kind::P256);
    let registry = Registry::start(RegistryOptions::default()).await.unwrap();
    let app = image::single(&registry, "shop/app", "1.0", "app");
    let payload = sign::simple_signing(&app.name(), &app.digest, &Value::Null);
    let layer = sign::cosign_layer(&release, payload);
    publish::cosign_tag(&registry, "shop/app", &app.digest, &[layer]);
    image::single(&registry, "shop/other", "1.0", "other");
    let host = registry.host();
    let policy = policy(&release, &format!("{host}/**"));
    std::fs::write(folder.path().join("policy/p.yaml"), policy).unwrap();
    let cases = format!(
        "- {{name: app, image: \"{host}/shop/app:1.0\", expect: {{outcome: verified}}}}\n\
         - {{name: other, image: \"{host}/shop/other:1.0\", expect: {{outcome: unsigned, codes: [no_signatures]}}}}\n\
         - {{name: gone, image: \"{host}/shop/gone:1.0\", expect: {{outcome: undecided, codes: [image_not_found]}}}}\n"
    );
    let arguments = ["--plain-http", &host];
    let run = tokio::task::block_in_place(|| run(folder.path(), &cases, &arguments));
    assert_eq!(
        run.out.lines().last(),
        Some("3 cases: 3 passed"),
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(run.code, Some(0));
}
