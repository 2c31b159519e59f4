//! The routes, their answers, and bad input.

use http::{Request, StatusCode};
use http_body_util::Full;
use sealgate::config::NoMatchPolicy;
use sealgate_core::Evidence;
use sealgate_testkit::registry::{Fault, Route};
use serde_json::{Value, json};

use crate::world::{Reply, World, provider_request};

#[tokio::test]
async fn a_signed_image_is_verified_and_an_unsigned_one_refused_with_a_reason() {
    let world = World::new().await;
    let signed = world.signed("app", "1.0").tagged("1.0");
    let unsigned = world.image("app", "2.0").tagged("2.0");
    let reply = world.validate(&[&signed, &unsigned]).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        reply.body["apiVersion"],
        "externaldata.gatekeeper.sh/v1beta1"
    );
    assert_eq!(reply.body["kind"], "ProviderResponse");

    let verdict = reply.value(&signed);
    assert_eq!(verdict["verified"], true);
    assert_eq!(verdict["outcome"], "verified");
    assert_eq!(verdict["signers"][0]["kind"], "key");
    assert_eq!(verdict["cache"], json!({"status": "miss", "ageSeconds": 0}));
    let verdict = reply.value(&unsigned);
    assert_eq!(verdict["verified"], false);
    assert_eq!(verdict["outcome"], "unsigned");
    assert_eq!(verdict["reasons"][0]["code"], "no_signatures");
}

#[tokio::test]
async fn keys_come_back_byte_for_byte_and_once_atk_34() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let keys = [
        image.clone(),
        format!("[prod]{image}"),
        format!("{{\"image\": \"{image}\" , \"namespace\":\"prod\"}}"),
        image.clone(),
        format!("{image}\u{7}<&>\u{2028}"),
    ];
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let reply = world.validate(&keys).await;
    let returned: Vec<_> = reply
        .items()
        .iter()
        .map(|i| i["key"].as_str().unwrap())
        .collect();
    assert_eq!(returned, [keys[0], keys[1], keys[2], keys[4]]);
    assert!(reply.error(keys[4]).contains("is not an image"));
}

#[tokio::test]
async fn an_empty_or_missing_list_of_keys_is_answered_with_no_items() {
    let world = World::new().await;
    let head = r#""apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest""#;
    for body in [
        provider_request(&[]),
        format!("{{{head},\"request\":{{}}}}"),
        format!("{{{head}}}"),
    ] {
        let reply = world.post("/v1/validate", body).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.body["response"]["items"], json!([]));
    }
}

#[tokio::test]
async fn wrong_keys_are_errors_of_their_items_and_spare_the_others() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let missing = image.replace(":1.0", ":gone");
    let unknown = json!({"image": image, "policy": "no-such"}).to_string();
    let reply = world
        .validate(&["", "UPPER", "[Bad]nginx", "{}", &missing, &unknown, &image])
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    for (key, expected) in [
        ("", "key_empty: the key is empty"),
        ("UPPER", "image_unparsable: "),
        ("[Bad]nginx", "namespace_invalid: expected"),
        ("{}", "key_json_invalid: expected"),
        (missing.as_str(), "image_not_found: the registry has no"),
        (unknown.as_str(), "policy_unknown: there is no policy named"),
    ] {
        let error = reply.error(key);
        assert!(error.starts_with(expected), "{key}: {error}");
    }
    assert_eq!(reply.value(&image)["verified"], true);
}

#[tokio::test]
async fn the_policy_of_the_url_is_the_one_that_judges() {
    let world = World::with(|config| {
        let strict = config.policies[0].join("strict.yaml");
        let stranger =
            sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
        let text = crate::world::policy_for(&stranger, "strict", "  namespaces: [none]\n");
        std::fs::write(strict, text).unwrap();
    })
    .await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let body = || provider_request(&[&image]);
    let named = |reply: Reply| reply.value(&image)["policies"][0]["name"].clone();

    let reply = world.post("/v1/validate/production", body()).await;
    assert_eq!(reply.value(&image)["verified"], true);
    assert_eq!(named(reply), "production");
    let reply = world.post("/v1/validate/strict", body()).await;
    assert_eq!(reply.value(&image)["verified"], false);
    assert_eq!(named(reply), "strict");
    let reply = world.post("/v1/validate/no-such", body()).await;
    assert!(
        reply
            .error(&image)
            .contains("there is no policy named \"no-such\"")
    );
}

#[tokio::test]
async fn undecided_is_a_system_error_without_items_that_names_images_and_causes() {
    let world = World::new().await;
    let good = world.signed("good", "1").tagged("1");
    let bad = world.signed("bad", "1").tagged("1");
    for (status, code) in [
        (StatusCode::UNAUTHORIZED, "registry_unauthorized"),
        (StatusCode::FORBIDDEN, "registry_forbidden"),
        (StatusCode::TOO_MANY_REQUESTS, "registry_throttled"),
        (StatusCode::SERVICE_UNAVAILABLE, "registry_error"),
    ] {
        let rule = sealgate_testkit::registry::Rule::everywhere(Fault::Status(status));
        world.registry.inject(rule.repository("bad"));
        let reply = world.validate(&[&good, &bad]).await;
        assert_eq!(reply.status, StatusCode::OK);
        let error = reply.system_error();
        assert!(
            error.contains("1 of 2 images could not be decided"),
            "{error}"
        );
        assert!(error.contains(&bad) && error.contains(code), "{error}");
        world.registry.clear_faults();
    }
    let reply = world.validate(&[&good, &bad]).await;
    assert_eq!(
        reply.value(&good)["cache"]["status"],
        "hit",
        "what was found is kept"
    );
    assert_eq!(reply.value(&bad)["verified"], true, "no failure is kept");
}

/// What only whoever runs sealgate can mend is no part of what whoever deploys reads.
#[tokio::test]
async fn what_the_platform_team_alone_can_mend_is_told_apart() {
    const HINT: &str = "give the credentials for this host the right to pull";
    let mut world = World::new().await;
    let image = world.signed("app", "1").tagged("1");
    let forbidden = Fault::Status(StatusCode::FORBIDDEN);
    world.registry.fault(Route::ManifestByTag, forbidden);

    let reply = world.validate(&[&image]).await;
    let error = reply.system_error();
    let (message, hint) = error.split_once(" | platform team: ").unwrap();
    assert!(
        message.contains(": registry_forbidden: the registry "),
        "{error}"
    );
    assert!(!message.contains(HINT), "{error}");
    assert_eq!(hint, HINT);

    let body = json!({"images": [image]}).to_string();
    let reply = world.post("/v1/verify", body).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let told = &reply.body["error"];
    assert_eq!(told["code"], "undecided");
    assert_eq!(
        format!("sealgate: {}", told["message"].as_str().unwrap()),
        message
    );
    assert_eq!(told["adminHint"], HINT);
    assert_eq!(
        told["help"],
        "Retry in a moment; if it stays so, tell the platform team."
    );

    let reply = world.post("/v1/mutate", provider_request(&[&image])).await;
    let error = reply.system_error();
    assert!(!error.contains(HINT), "{error}");
    assert!(
        error.ends_with(". Retry in a moment; if it stays so, tell the platform team."),
        "{error}"
    );
    for line in world.audit().await {
        assert_eq!(line["reasons"], json!(["registry_forbidden"]));
        assert!(!line["message"].as_str().unwrap().contains(HINT), "{line}");
        assert_eq!(line["adminHint"], HINT);
    }
}

#[tokio::test]
async fn a_registry_that_gives_out_wrong_bytes_is_not_asked_again() {
    let world = World::new().await;
    let good = world.signed("good", "1").tagged("1");
    let image = world.signed("app", "1").tagged("1");
    let rule = sealgate_testkit::registry::Rule::everywhere(Fault::Body("{}".into()));
    world.registry.inject(rule.repository("app"));
    let body = json!({"images": [good, image]}).to_string();
    let reply = world.post("/v1/verify", body).await;
    let error = &reply.body["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(": digest_mismatch: "), "{message}");
    assert_eq!(
        error["help"],
        "Do not retry; tell the platform team and whoever runs the registry."
    );
    assert_eq!(
        error["adminHint"],
        "ask who runs the registry, or what stands between it and here"
    );
}

#[tokio::test]
async fn mutation_pins_what_was_verified_and_refuses_the_rest() {
    let world = World::new().await;
    let image = world.signed("app", "1.0");
    let signed = image.tagged("1.0");
    let unsigned = world.image("app", "2.0").tagged("2.0");
    let reply = world
        .post("/v1/mutate", provider_request(&[&signed, &unsigned, ""]))
        .await;
    assert_eq!(reply.body["response"]["idempotent"], true);
    let pinned = format!("{signed}@{}", image.digest);
    assert_eq!(reply.value(&signed), pinned);
    let refused = reply.error(&unsigned);
    // The same words at every door: the demands of the policy are the end of the reason, which is cut.
    let digest = reply.error(&unsigned);
    let digest = digest.split("sha256:").nth(1).map(|rest| &rest[..12]);
    let words = format!(
        "image \"{unsigned}\" is not signed as the policy demands (policy \"production\", sha256:{}…: \
         the image has no signature; expected ",
        digest.unwrap()
    );
    assert!(refused.starts_with(&words), "{refused}");
    assert!(
        refused.ends_with(
            " [no_signatures]. Sign it where it is built, and deploy again in a few minutes."
        ),
        "{refused}"
    );
    assert!(refused.chars().count() <= 300, "{refused}");
    let body = json!({"images": [unsigned, "a b"]}).to_string();
    let told = world.post("/v1/verify", body).await;
    assert_eq!(told.body["verdicts"][0]["message"], refused);
    assert_eq!(
        told.body["verdicts"][1]["message"],
        "image \"a b\" cannot be asked about (image_unparsable: \"a b\" is not an image: an image \
         reference is printable ASCII without spaces, found \" \"). Correct the image name; if it \
         is right, the platform team should look at the constraint's policy parameter."
    );
    assert!(reply.error("").contains("the key is empty"));

    let again = world.post("/v1/mutate", provider_request(&[&pinned])).await;
    assert_eq!(again.value(&pinned), pinned, "idempotent");
}

#[tokio::test]
async fn mutation_leaves_images_that_no_policy_covers_as_they_are_l28() {
    for (no_match, expected) in [
        (NoMatchPolicy::Deny, Err("is covered by no trust policy")),
        (NoMatchPolicy::DangerAllowUnverified, Ok(())),
    ] {
        let world = World::with(|config| {
            let file = config.policies[0].join("production.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, text.replace("\"**\"", "\"r.example.com/**\"")).unwrap();
            config.no_match_policy = no_match;
        })
        .await;
        let image = world.image("app", "1.0").tagged("1.0");
        let reply = world.post("/v1/mutate", provider_request(&[&image])).await;
        match expected {
            Ok(()) => assert_eq!(reply.value(&image), image),
            Err(error) => assert!(reply.error(&image).contains(error), "{reply:?}"),
        }
    }
}

/// Gatekeeper's mutation keys are fields of the object: whoever writes it writes them.
#[tokio::test]
async fn the_image_field_of_a_pod_chooses_no_policy_rt_11() {
    let world = World::with(|config| {
        let file = config.policies[0].join("sandbox.yaml");
        let stranger =
            sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
        let text = crate::world::policy_for(&stranger, "sandbox", "  mode: warn\n");
        std::fs::write(file, text).unwrap();
    })
    .await;
    let unsigned = world.image("app", "2.0").tagged("2.0");
    let keys = [
        json!({"image": unsigned, "policy": "sandbox"}).to_string(),
        json!({"image": unsigned}).to_string(),
        format!("[kube-system]{unsigned}"),
    ];
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for route in ["/v1/mutate", "/ratify/gatekeeper/v1/mutate"] {
        let reply = world.post(route, provider_request(&keys)).await;
        for key in &keys {
            let error = reply.error(key);
            assert!(error.starts_with("image_unparsable: "), "{error}");
            assert!(error.contains("an image name alone"), "{error}");
        }
        let plain = world.post(route, provider_request(&[&unsigned])).await;
        assert!(
            plain
                .error(&unsigned)
                .contains("is not signed as the policy demands")
        );
    }
    // Where whoever asks vouches for the key, the forms are read.
    let reply = world.validate(&[keys[0]]).await;
    assert_eq!(reply.value(keys[0])["outcome"], "warned");
    assert_eq!(reply.value(keys[0])["request"]["policy"], "sandbox");
}

#[tokio::test]
async fn a_policy_that_a_key_names_must_cover_its_image_rt_6() {
    let world = World::with(|config| {
        let file = config.policies[0].join("elsewhere.yaml");
        let stranger =
            sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
        let text = crate::world::policy_for(&stranger, "elsewhere", "  mode: warn\n");
        std::fs::write(file, text.replace("\"**\"", "\"r.example.com/**\"")).unwrap();
        config.no_match_policy = NoMatchPolicy::DangerAllowUnverified;
    })
    .await;
    let image = world.image("app", "1.0").tagged("1.0");
    let key = json!({"image": image, "policy": "elsewhere"}).to_string();
    let verdict = world.validate(&[&key]).await.value(&key).clone();
    assert_eq!(verdict["verified"], false);
    assert_eq!(verdict["reasons"][0]["code"], "no_policy");
    let body = json!({"images": [image], "policy": "elsewhere"}).to_string();
    let reply = world.post("/v1/verify", body).await;
    assert_eq!(reply.body["verdicts"][0]["outcome"], "no_policy");
    // A route is the administrator's word.
    let reply = world
        .post("/v1/validate/elsewhere", provider_request(&[&image]))
        .await;
    assert_eq!(reply.value(&image)["outcome"], "warned");
}

#[tokio::test]
async fn a_warning_policy_looks_as_far_as_an_enforcing_one_rt_12() {
    for mode in ["enforce", "warn"] {
        let world = World::with(|config| {
            let file = config.policies[0].join("production.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, format!("{text}  mode: {mode}\n")).unwrap();
        })
        .await;
        let image = world.image("app", "1.0");
        let payload = sealgate_testkit::sign::simple_signing("app", &image.digest, &Value::Null);
        let layer = sealgate_testkit::sign::cosign_layer(&world.key, payload);
        sealgate_testkit::publish::cosign_tag(&world.registry, "app", &image.digest, &[layer]);
        let verdict = world.verdict(&image.tagged("1.0")).await;
        assert_eq!(verdict["outcome"], "verified", "{mode}: {verdict}");
        // And what is not there was looked for everywhere before the warning.
        let bare = world.image("bare", "1.0");
        let verdict = world.verdict(&bare.tagged("1.0")).await;
        assert_eq!(verdict["verified"], mode == "warn");
        let asked = world.registry.requests();
        let sig = asked.iter().any(|r| {
            let call = r.to_string();
            call.contains("/bare/") && call.contains(".sig")
        });
        assert!(sig, "{mode}: {asked:?}");
    }
}

#[tokio::test]
async fn verify_answers_lists_of_images_for_everybody_else() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let body = json!({"images": [image, "UPPER", image], "namespace": "prod"}).to_string();
    // Kyverno sends no content type.
    let request = Request::post("/v1/verify")
        .body(Full::from(body.clone()))
        .unwrap();
    let response = world.connect().await.send(request).await.unwrap();
    let reply = Reply::of(&response);
    assert_eq!(reply.status, StatusCode::OK);
    let verdicts = reply.body["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 3);
    assert_eq!(verdicts[0]["verified"], true);
    assert_eq!(verdicts[0], verdicts[2]);
    assert_eq!(verdicts[1]["verified"], false);
    assert_eq!(verdicts[1]["error"]["code"], "image_unparsable");

    world.registry.down();
    let other = json!({"images": [image, image.replace("1.0", "2.0")]}).to_string();
    let reply = world.post("/v1/verify", other).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.body["error"]["code"], "undecided");
    assert!(reply.body.get("verdicts").is_none());
}

#[tokio::test]
async fn evidence_packs_lead_to_the_same_verdict_elsewhere() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let body = json!({"images": [image]}).to_string();
    let reply = world.post("/v1/evidence", body).await;
    assert_eq!(reply.status, StatusCode::OK);
    let pack = reply.body["evidence"][0].to_string();
    let evidence = Evidence::from_pack(pack.as_bytes()).unwrap().as_it_says();

    let file = sealgate_core::policy::file::PolicyFile {
        name: "p".to_owned(),
        text: world.policy("production", ""),
    };
    let policies = sealgate_core::policy::file::load(
        &[file],
        sealgate_core::policy::NoMatch::Deny,
        &sealgate_core::policy::file::only_inline_keys,
    )
    .unwrap();
    let trust = sealgate_core::TrustMaterial::new();
    let now = sealgate_core::UnixTime::from_seconds(1_800_000_000);
    let verdict = sealgate_core::verify(&evidence, &policies, &trust, now).unwrap();
    let mut served = world.verdict(&image).await;
    served.as_object_mut().unwrap().remove("cache");
    let own: Value = serde_json::from_slice(&verdict.to_json()).unwrap();
    assert_eq!(served, own);
}

#[tokio::test]
async fn malformed_requests_are_told_what_is_wrong() {
    let world = World::new().await;
    for (path, body, expected) in [
        ("/v1/validate", "", "not the JSON of a ProviderRequest"),
        (
            "/v1/validate",
            "{\"apiVersion\"",
            "not the JSON of a ProviderRequest",
        ),
        (
            "/v1/validate",
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}",
            "found kind \"Pod\"",
        ),
        ("/v1/mutate", "[]", "not the JSON of a ProviderRequest"),
    ] {
        let reply = world.post(path, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        let error = reply.system_error();
        assert!(error.contains(expected), "{body}: {error}");
    }
    for (body, code) in [
        ("{", "request_malformed"),
        ("{\"images\":[],\"namespace\":\"x\"}", "no_images"),
        (
            "{\"images\":[\"a\"],\"namspace\":\"x\"}",
            "request_malformed",
        ),
    ] {
        let reply = world.post("/v1/verify", body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.body["error"]["code"], code);
    }
    let reply = world.post("/", provider_request(&[])).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(reply.system_error().contains("there is no such route"));
    let get = Request::get("/v1/validate").body(Full::default()).unwrap();
    let reply = Reply::of(&world.connect().await.send(get).await.unwrap());
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_decision_is_one_line_of_the_audit_log() {
    let mut world = World::new().await;
    let image = world.signed("app", "1.0");
    let (signed, key) = (
        image.tagged("1.0"),
        format!("[prod]{}", image.tagged("1.0")),
    );
    world.validate(&[&signed, &key, "UPPER\n\u{1b}[31m"]).await;
    world.validate(&[&signed]).await;
    world
        .registry
        .fault(Route::ManifestByTag, Fault::Status(StatusCode::BAD_GATEWAY));
    world.validate(&[&signed.replace("1.0", "3.0")]).await;

    let lines = world.audit().await;
    let outcomes: Vec<_> = lines
        .iter()
        .map(|line| (line["outcome"].as_str().unwrap(), line["cache"].as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("verified", Some("miss")),
            ("verified", Some("miss")),
            ("wrong_key", None),
            ("verified", Some("hit")),
            ("undecided", None),
        ]
    );
    let first = &lines[0];
    assert_eq!(first["key"], signed);
    assert_eq!(first["digest"], image.digest.to_string());
    assert_eq!(first["policies"], json!(["production"]));
    assert_eq!(first["requestId"], lines[1]["requestId"]);
    assert!(first["evidence"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(lines[3]["evidence"], first["evidence"]);
    assert_eq!(lines[4]["reasons"], json!(["registry_error"]));
}
