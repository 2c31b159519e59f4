package lib.sealgate_test

import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

digest := "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

app := "registry.example.com/prod/app:v1"

key := `{"image":"registry.example.com/prod/app:v1","namespace":"prod"}`

pod(image) := {
	"namespace": "prod",
	"operation": "CREATE",
	"object": {
		"metadata": {"name": "app", "namespace": "prod"},
		"spec": {"containers": [{"name": "app", "image": image}]},
	},
}

verified := {
	"schemaVersion": 1,
	"image": {"requested": app, "reference": app, "digest": digest, "mediaType": "application/vnd.oci.image.manifest.v1+json"},
	"verified": true,
	"outcome": "verified",
	"policies": [{"name": "production", "revision": "1", "mode": "enforce", "outcome": "passed", "authorities": []}],
	"signers": [],
	"attestations": [],
	"checks": [],
	"reasons": [],
	"trustRevision": "1",
	"cache": {"status": "miss", "ageSeconds": 0},
}

answer(responses) := {"responses": responses, "errors": [], "status_code": 200, "system_error": ""}

proven := answer([[key, verified]])

situations(review, reply) := {violation.details.situation |
	some violation in sealgate.violations(review, {}, reply)
}

test_verified_image_passes if {
	count(sealgate.violations(pod(app), {}, proven)) == 0
}

test_image_signers_leave_out_who_only_attested if {
	release := {"kind": "key", "authority": "production/release", "signs": "image"}
	ci := {"kind": "key", "authority": "production/ci", "signs": "attestation"}
	sealgate.image_signers(object.union(verified, {"signers": [ci, release]})) == [release]
	sealgate.image_signers(object.union(verified, {"signers": [ci]})) == []
	sealgate.image_signers(verified) == []
	sealgate.image_signers(object.union(verified, {"signers": null})) == []
	sealgate.image_signers({}) == []
}

test_cached_answer_has_status_0 if {
	count(sealgate.violations(pod(app), {}, object.union(proven, {"status_code": 0}))) == 0
}

test_nothing_but_the_whole_proof_passes if {
	wrong := [
		null,
		{},
		[],
		"yes",
		{"responses": null, "errors": null, "status_code": 500, "system_error": "failed to send external data request"},
		{"responses": null, "errors": null, "status_code": 200, "system_error": ""},
		object.remove(proven, ["responses"]),
		object.remove(proven, ["system_error"]),
		object.remove(proven, ["status_code"]),
		object.union(proven, {"system_error": null}),
		object.union(proven, {"system_error": "registry down"}),
		object.union(proven, {"status_code": 500}),
		object.union(proven, {"errors": [[key, "unparsable"]]}),
		answer([]),
		answer([[app, verified]]),
		answer([[key]]),
		answer([[key, null]]),
		answer([[key, true]]),
		answer([[key, verified], [key, object.union(verified, {"verified": false})]]),
	]
	passed := [reply | some reply in wrong; count(situations(pod(app), reply)) != 1]
	passed == []
}

test_errors_list_may_be_null if {
	count(sealgate.violations(pod(app), {}, object.union(proven, {"errors": null}))) == 0
}

# Which fields a proof cannot do without.
test_proof_needs_each_of_its_fields_atk_35 if {
	patches := [
		[{"op": "remove", "path": "/schemaVersion"}],
		[{"op": "remove", "path": "/verified"}],
		[{"op": "remove", "path": "/image"}],
		[{"op": "remove", "path": "/image/requested"}],
		[{"op": "remove", "path": "/image/digest"}],
		[{"op": "replace", "path": "/schemaVersion", "value": 2}],
		[{"op": "replace", "path": "/verified", "value": "true"}],
		[{"op": "replace", "path": "/verified", "value": 1}],
		[{"op": "replace", "path": "/verified", "value": null}],
		[{"op": "replace", "path": "/image/requested", "value": "registry.example.com/prod/other:v1"}],
		[{"op": "replace", "path": "/image/digest", "value": "sha256:"}],
		[{"op": "replace", "path": "/image/digest", "value": null}],
	]
	passed := [patch | some patch in patches; count(situations(pod(app), answer([[key, json.patch(verified, patch)]]))) != 1]
	passed == []
}

test_pinned_image_is_verified_as_its_digest if {
	image := concat("@", [app, digest])
	of_image := json.patch(verified, [{"op": "replace", "path": "/image/requested", "value": image}])
	pinned := json.marshal({"image": image, "namespace": "prod"})
	situations(pod(image), answer([[pinned, of_image]])) == set()

	other := json.patch(of_image, [{"op": "replace", "path": "/image/digest", "value": sprintf("sha256:%064d", [1])}])
	situations(pod(image), answer([[pinned, other]])) == {"no_proof"}
}

test_policy_is_asked_for_and_answered if {
	parameters := {"policy": "release"}
	sealgate.keys(pod(app), parameters) == [`{"image":"registry.example.com/prod/app:v1","namespace":"prod","policy":"release"}`]

	passes_under("release")
	not passes_under("production")
}

passes_under(name) if {
	parameters := {"policy": "release"}
	verdict := json.patch(verified, [{"op": "replace", "path": "/policies/0/name", "value": name}])
	reply := answer([[sealgate.keys(pod(app), parameters)[0], verdict]])
	sealgate.violations(pod(app), parameters, reply) == set()
}

test_namespace_is_that_of_the_request if {
	sealgate.keys(object.union(pod(app), {"namespace": "real"}), {}) == [`{"image":"registry.example.com/prod/app:v1","namespace":"real"}`]
	sealgate.keys(object.remove(pod(app), ["namespace"]), {}) == [key]
}

test_without_namespace_the_image_is_still_asked_about_l_31 if {
	review := {"object": {"spec": {"containers": [{"name": "app", "image": app}]}}}
	sealgate.keys(review, {}) == [`{"image":"registry.example.com/prod/app:v1"}`]
	situations(review, answer([])) == {"no_verdict"}
}

test_image_name_cannot_forge_a_key if {
	forged := [`[other]registry.example.com/prod/app:v1`, key]
	keys := [asked | some image in forged; asked := json.unmarshal(sealgate.keys(pod(image), {})[0])]
	keys == [{"image": image, "namespace": "prod"} | some image in forged]
}

test_unsendable_images_are_refused_and_not_sent if {
	unsendable := [null, 7, true, {}, [], "", " ", "app v1", "app\u0007", "app\u007f", "app\n", "äpp", sprintf("%01025d", [1])]
	passed := [image |
		some image in unsendable
		[sealgate.keys(pod(image), {}), situations(pod(image), proven)] != [[], {"not_an_image"}]
	]
	passed == []
}

test_unsendable_image_is_refused_whatever_is_answered_or_exempted if {
	image := "app\u0007"
	verdict := json.patch(verified, [{"op": "replace", "path": "/image/requested", "value": image}])
	reply := answer([[json.marshal({"image": image, "namespace": "prod"}), verdict]])
	situations(pod(image), reply) == {"not_an_image"}
	count(sealgate.violations(pod(image), {"exemptImages": [image]}, reply)) == 1
}

test_unsendable_image_does_not_poison_the_others if {
	review := json.patch(pod(app), [{"op": "add", "path": "/object/spec/initContainers", "value": [{"name": "init", "image": "evil\u0007"}]}])
	sealgate.keys(review, {}) == [key]
	situations(review, proven) == {"not_an_image"}
}

test_each_situation_is_told_apart if {
	replies := {
		"no_answer": null,
		"no_provider": {"responses": null, "errors": null, "status_code": 400, "system_error": "key is not found in provider cache"},
		"undecided": {"responses": [], "errors": [], "status_code": 200, "system_error": "registry.example.com: HTTP 503"},
		"missing": {"responses": [], "errors": [[key, "image_not_found: the registry has no image"]], "status_code": 200, "system_error": ""},
		"bad_key": {"responses": [], "errors": [[key, "unknown policy"]], "status_code": 200, "system_error": ""},
		"no_verdict": answer([]),
		"no_proof": answer([[key, object.remove(verified, ["image"])]]),
		"no_policy": denied("no_policy"),
		"unsigned": denied("unsigned"),
		"untrusted": denied("untrusted"),
		"invalid": denied("invalid"),
		"denied": denied("of_a_later_version"),
	}
	wrong := {name: got |
		some name, reply in replies
		got := situations(pod(app), reply)
		got != {name}
	}
	wrong == {}
}

denied(outcome) := answer([[key, object.union(verified, {
	"verified": false,
	"outcome": outcome,
	"reasons": [{"code": "some_code", "message": "because."}],
})]])

test_one_violation_for_an_image_names_all_its_places if {
	review := json.patch(pod(app), [
		{"op": "add", "path": "/object/spec/containers/-", "value": {"name": "zap", "image": app}},
		{"op": "add", "path": "/object/spec/initContainers", "value": [{"name": "init", "image": app}]},
	])
	found := sealgate.violations(review, {}, denied("unsigned"))
	[violation.msg | some violation in found] == [concat("", [
		`container "app", container "zap", initContainer "init": image "registry.example.com/prod/app:v1" `,
		"is not signed as the policy demands (sha256:2c26b46b68ff…: because) [some_code]. ",
		"Sign it where it is built, and deploy again in a few minutes.",
	])]
}

# A verdict against an image, by one policy with one demand.
refusal(outcome, demand, own, reasons) := answer([[key, object.union(verified, {
	"verified": false,
	"outcome": outcome,
	"policies": [
		{"name": "rollout", "mode": "warn", "outcome": "failed", "demands": [], "reasons": [{"code": "no_signatures", "message": "not asked"}]},
		{"name": "production", "mode": "enforce", "outcome": "failed", "demands": [demand], "reasons": own},
	],
	"reasons": array.concat(reasons, own),
})]])

said(parameters, reply) := violation if {
	[violation] := [one | some one in sealgate.violations(pod(app), parameters, reply)]
}

test_who_signed_as_he_should_is_no_stranger if {
	own := [{"code": "threshold_not_met", "message": "release signed; ci did not sign"}]
	strangers := [{"code": "signature_invalid", "message": sprintf("the signature in %s is by none of its keys", [digest])}]
	partly := {"signs": "image", "outcome": "failed", "by": ["release"]}
	nobody := {"signs": "image", "outcome": "failed", "by": []}
	one := said({}, refusal("untrusted", partly, own, strangers))
	one.msg == concat("", [
		`container "app": image "registry.example.com/prod/app:v1" lacks a signature `,
		`(policy "production", sha256:2c26b46b68ff…: release signed; ci did not sign) [threshold_not_met]. `,
		"Have the missing one sign it, and deploy again.",
	])
	one.details.policy == "production"
	one.details.digest == digest
	one.details.reasons == ["signature_invalid", "threshold_not_met"]
	one.details.messages[1] == "release signed; ci did not sign"
	contains(said({}, refusal("untrusted", nobody, own, strangers)).msg, concat("", [
		"is not signed by anyone whom the policy trusts ",
		`(policy "production", sha256:2c26b46b68ff…: the signature in sha256:2c26b46b68ff… is by none of its keys) [signature_invalid].`,
	]))
	contains(said({}, refusal("invalid", partly, own, strangers)).msg, "carries a broken or forged signature")
}

test_each_code_of_a_group_has_its_words if {
	wrong := {code |
		some code, words in {
			"condition_failed": "does not meet a condition of the policy",
			"condition_error": "cannot be evaluated",
			"signature_expired": "was signed with what was not valid at that time",
			"log_threshold_not_met": "is signed without the witnesses that the policy demands",
			"static_fail": "is refused by the policy, whoever signed it",
			"form_unsupported": "is signed in a way that the policy does not take",
			"no_matching_attestation": "lacks an attestation",
			"identity_mismatch": "is not signed by anyone whom the policy trusts",
		}
		reply := refusal("untrusted", {"signs": "attestation"}, [], [{"code": code, "message": "x"}])
		not contains(said({}, reply).msg, words)
	}
	wrong == set()
}

test_a_message_ends_with_the_help_of_its_constraint if {
	parameters := {"help": "Ask #platform, https://wiki.example.com/images"}
	endswith(said(parameters, denied("unsigned")).msg, "in a few minutes. Ask #platform, https://wiki.example.com/images")
	endswith(said(parameters, null).msg, "Ask #platform, https://wiki.example.com/images")
	long := {"help": sprintf("%0999d", [1])}
	count(said(long, denied("unsigned")).msg) < 500
}

test_a_long_reason_leaves_room_for_the_rest if {
	reply := refusal("untrusted", {"signs": "attestation"}, [], [{"code": "identity_mismatch", "message": sprintf("%0999d", [1])}])
	count(said({}, reply).msg) <= 300
	endswith(said({}, reply).msg, "…) [identity_mismatch]. Deploy one from a trusted pipeline, or ask the platform team.")
}

test_what_is_undecided_is_said_once_and_of_the_images_it_is_about if {
	slow := "registry.example.com/prod/slow:v1"
	review := json.patch(pod(app), [
		{"op": "add", "path": "/object/spec/initContainers", "value": [{"name": "init", "image": slow}]},
		{"op": "add", "path": "/object/spec/containers/-", "value": {"name": "odd", "image": "not an image"}},
	])
	quoted := json.marshal(sealgate.key(slow, {"namespace": "prod"}))
	reply := {
		"responses": null, "errors": null, "status_code": 200,
		"system_error": sprintf(`1 of 2 images could not be decided: %s: registry_throttled: too many requests; "another": x`, [quoted]),
	}
	{one.msg | some one in sealgate.violations(review, {}, reply); one.details.situation == "undecided"} == {concat("", [
		`initContainer "init": image "registry.example.com/prod/slow:v1" could not be decided on, which says nothing `,
		"against the image (registry_throttled: too many requests). ",
		"Retry in a moment; if it stays so, tell the platform team.",
	])}
	count(sealgate.violations(review, {}, reply)) == 2

	# An answer about no image in particular is one about all.
	[all] := [one | some one in sealgate.violations(review, {}, object.union(reply, {"system_error": "down"})); one.details.situation == "undecided"]
	all.details.images == [app, slow]
	all.details.places == [`container "app"`, `initContainer "init"`]
	contains(all.msg, `image "registry.example.com/prod/app:v1", "registry.example.com/prod/slow:v1" could not be decided on`)
}

test_messages_are_bounded if {
	long := {"code": "no_signatures", "message": sprintf("%09999d", [1])}
	reply := answer([[key, object.union(verified, {"verified": false, "outcome": "unsigned", "reasons": [long, long, long]})]])
	[violation] := [one | some one in sealgate.violations(pod(app), {}, reply)]
	count(violation.msg) < 1024
}

test_object_without_pod_specification_is_refused if {
	situations({"kind": {"kind": "ConfigMap"}, "object": {"data": {}}}, null) == {"unreadable"}
	situations({"object": null}, null) == {"unreadable"}
	situations({}, null) == {"unreadable"}
}

test_proven_is_defined_for_proofs_only if {
	sealgate.proven(proven, app, {"namespace": "prod"}) == verified
	not sealgate.proven(denied("unsigned"), app, {"namespace": "prod"})
	not sealgate.proven(null, app, {"namespace": "prod"})
}

test_deletion_is_never_in_the_way if {
	sealgate.keys(object.union(pod(app), {"operation": "DELETE"}), {}) == []
	situations(object.union(pod(app), {"operation": "DELETE"}), null) == set()
}

test_finalizers_can_be_taken_off_but_no_image_added if {
	old := object.union(pod(app).object, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
	update := {"operation": "UPDATE", "object": old, "oldObject": old}
	situations(update, null) == set()
	situations(json.patch(update, [{"op": "remove", "path": "/oldObject/metadata/deletionTimestamp"}]), null) == {"no_answer"}
	situations(json.patch(update, [{"op": "replace", "path": "/object/spec/containers/0/image", "value": "evil"}]), null) == {"no_answer"}
}

# What whoever deploys cannot mend is not said to him.
test_what_the_platform_team_alone_can_mend_stands_in_the_details if {
	said := concat("", [
		`sealgate: 1 of 1 images could not be decided: `, json.marshal(key), `: registry_unreachable: refused`,
		` | platform team: check the network`,
	])
	reply := {"responses": null, "errors": null, "status_code": 200, "system_error": said}
	[violation] := [one | some one in sealgate.violations(pod(app), {}, reply)]
	violation.msg == concat("", [
		`container "app": image "registry.example.com/prod/app:v1" could not be decided on, which says nothing `,
		"against the image (registry_unreachable: refused). Retry in a moment; if it stays so, tell the platform team.",
	])
	violation.details.adminHint == "check the network"
	violation.details.situation == "undecided"

	# An answer about no image in particular.
	[all] := [one | some one in sealgate.violations(pod(app), {}, object.union(reply, {"system_error": "down | platform team: x"}))]
	contains(all.msg, "against the image (down). Retry")
	all.details.adminHint == "x"
	[none] := [one | some one in sealgate.violations(pod(app), {}, object.union(reply, {"system_error": "down"}))]
	not none.details.adminHint
}

test_a_registry_that_gives_out_wrong_bytes_is_not_asked_again if {
	reply := {
		"responses": null, "errors": null, "status_code": 200,
		"system_error": concat("", [`1 of 1 images could not be decided: `, json.marshal(key), `: digest_mismatch: other bytes`]),
	}
	[violation] := [one | some one in sealgate.violations(pod(app), {}, reply)]
	violation.details.situation == "tampered_registry"
	violation.msg == concat("", [
		`container "app": image "registry.example.com/prod/app:v1" could not be decided on: its registry gives out `,
		"other bytes than it was asked for (digest_mismatch: other bytes). ",
		"Do not retry; tell the platform team and whoever runs the registry.",
	])
}
