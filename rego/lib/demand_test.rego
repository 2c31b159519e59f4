package lib.demand_test

import data.lib.demand
import future.keywords.if
import future.keywords.in

digest := "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

app := "registry.example.com/prod/app:v1"

key := `{"image":"registry.example.com/prod/app:v1","namespace":"prod"}`

review := {
	"namespace": "prod",
	"operation": "CREATE",
	"object": {"spec": {"containers": [{"name": "app", "image": app}]}},
}

verified := {
	"schemaVersion": 1,
	"image": {"requested": app, "digest": digest},
	"verified": true,
	"outcome": "verified",
}

answer(responses) := {"responses": responses, "errors": [], "status_code": 200, "system_error": ""}

of(verdict) := answer([[key, verdict]])

situations(reply, met) := [violation.details.situation |
	some violation in demand.violations(review, {}, reply, {"met": met, "said": set(), "situation": "no_sbom"})
]

test_who_meets_the_demand_passes_if_verified if {
	situations(of(verified), {app}) == []
	situations(of(verified), set()) == ["no_sbom"]
	situations(of(verified), {"another"}) == ["no_sbom"]
	situations(of(object.union(verified, {"verified": false, "outcome": "unsigned"})), {app}) == ["unsigned"]
	situations(answer([]), {app}) == ["no_verdict"]
	situations(null, {app}) == ["no_answer"]
	situations({"responses": null, "errors": null, "status_code": 500, "system_error": "down"}, {app}) == ["undecided"]
	situations(object.union(of(verified), {"errors": [[key, "x"]]}), {app}) == ["bad_key"]
}

test_what_is_let_in_without_proof_has_none if {
	passed := [outcome |
		some outcome in ["unproven", "warned", "not_covered", "of_a_later_version", null, true]
		reply := of(object.union(verified, {"outcome": outcome}))
		[count(demand.proofs(review, {}, reply)), situations(reply, set())] != [0, ["without_proof"]]
	]
	passed == []
	demand.proofs(review, {}, of(object.remove(verified, ["outcome"]))) == {}
	demand.proofs(review, {}, of(verified)) == {app: verified}
}

test_of_two_verdicts_on_an_image_none_is_a_proof if {
	reply := answer([[key, verified], [key, object.union(verified, {"signers": [{"kind": "key"}]})]])
	demand.proofs(review, {}, reply) == {}
	situations(reply, set()) == ["without_proof"]
}

test_a_violation_says_what_was_found if {
	demanded := {"met": set(), "said": {[app, "b"], [app, "a"], ["another", "c"]}, "situation": "no_sbom"}
	[found] := [one | some one in demand.violations(review, {"help": "Ask us."}, of(verified), demanded)]
	found.msg == concat("", [
		`container "app": image "registry.example.com/prod/app:v1" has no bill of materials that the constraint takes `,
		"(sha256:2c26b46b68ff…: a; b). Attest one where it is built, and deploy again. Ask us",
	])
	found.details.digest == digest
}

test_a_violation_has_words_whatever_the_template_says if {
	[found] := [one | some one in demand.violations(review, {}, of(verified), {"met": set(), "situation": "x"})]
	found.details.situation == "unexplained"
}

test_patterns_match_what_is_complete_before_the_star if {
	wrong := [[value, pattern] |
		some pattern, values in {
			"https://github.com/acme/*": ["https://github.com/acme/app", "https://github.com/acme/"],
			"https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v*": ["https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"],
			"refs/tags/*": ["refs/tags/v1"],
			"release@acme.example": ["release@acme.example"],
		}
		some value in values
		not demand.matches(value, pattern)
	]
	wrong == []

	passed := [[value, pattern] |
		some pattern, values in {
			"https://github.com/acme/*": ["https://github.com/acme-evil/app", "http://github.com/acme/app", "https://github.com/acme", "x https://github.com/acme/app"],
			"https://github.com/acme*": ["https://github.com/acme/app"],
			"https://github.com/*": ["https://github.com/acme/app"],
			"https://*": ["https://github.com/acme/app"],
			"https://github.com@evil.org/acme/*": ["https://github.com@evil.org/acme/app"],
			"*": ["https://github.com/acme/app", "", "x"],
			"": [""],
			"*@acme.example": ["eve@acme.example"],
			"release*": ["release@acme.example"],
			"refs/*": ["refs/tags/v1"],
			"refs/tags/*/x*": ["refs/tags/a/x"],
			"refs/tags/.*": ["refs/tags/v1"],
			"https://github.com/.+/app": ["https://github.com/acme/app"],
		}
		some value in values
		demand.matches(value, pattern)
	]
	passed == []
	not demand.matches(null, "*")
	not demand.matches(null, null)
	not demand.matches(7, 7)
	not demand.matches({}, {})
}

test_no_list_and_an_empty_one_have_nothing if {
	demand.one_of("a", {"l": ["b", "a"]}, "l")
	passed := [parameters |
		some parameters in [{}, {"l": []}, {"l": null}, {"l": "a"}, {"l": {"a": "a"}}, {"l": [null]}, {"l": ["b"]}, {"m": ["a"]}]
		demand.one_of("a", parameters, "l")
	]
	passed == []

	# Where it may be left out, it must be left out.
	demand.one_of_any("a", {}, "l")
	demand.one_of_any("a", {"l": ["a"]}, "l")
	let_in := [parameters |
		some parameters in [{"l": []}, {"l": null}, {"l": false}, {"l": "a"}, {"l": ["b"]}]
		demand.one_of_any("a", parameters, "l")
	]
	let_in == []
}

test_attestations_are_those_of_the_rule if {
	a := {"rule": "production/a"}
	b := {"rule": "production/b"}
	verdict := {"attestations": [a, b]}
	demand.attestations(verdict, {}) == [a, b]
	demand.attestations(verdict, {"rule": "production/b"}) == [b]
	demand.attestations(verdict, {"rule": "b"}) == []
	demand.attestations(verdict, {"rule": null}) == []
	demand.attestations({"attestations": [{}, "x"]}, {"rule": "production/a"}) == []
	demand.attestations({"attestations": null}, {}) == []
	demand.attestations({}, {}) == []
}

test_a_fact_that_is_not_shown_is_null if {
	demand.fact({"facts": {"source": {"ref": "x"}}}, ["source", "ref"]) == "x"
	shown := [attestation |
		some attestation in [{}, {"facts": null}, {"facts": "x"}, {"facts": {}}, {"facts": {"source": "x"}}, {"facts": []}]
		demand.fact(attestation, ["source", "ref"]) != null
	]
	shown == []
}

test_signers_are_those_of_the_image_unless_the_constraint_says_otherwise if {
	image := {"signs": "image"}
	attestation := {"signs": "attestation"}
	verdict := {"signers": [image, attestation, {}, "x"]}
	demand.signers(verdict, {}) == [image]
	demand.signers(verdict, {"signs": ["image", "attestation"]}) == [image, attestation]
	demand.signers(verdict, {"signs": []}) == []
	demand.signers(verdict, {"signs": null}) == []
	demand.signers({}, {}) == []
}

issuer := "https://token.actions.githubusercontent.com"

subject := "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"

keyless := {"kind": "keyless", "issuer": issuer, "subject": subject, "claims": {"runnerEnvironment": "github-hosted", "buildTrigger": "push"}}

unnamed := {"kind": "keyless", "subject": "host.acme.example", "otherSubjects": ["release@acme.example"]}

keyed := {"kind": "key", "fingerprint": "abababababababababababababababababababababababababababababababab"}

notary := {"kind": "notation", "x509Subject": "C=US,ST=WA,O=acme"}

test_identities_name_signers_in_one_way_each if {
	wrong := [[signer, identity] |
		some [signer, identity] in [
			[keyless, {"issuer": issuer, "subject": subject}],
			[keyless, {"issuer": issuer, "subject": "https://github.com/acme/app/*"}],
			[keyless, {"issuer": issuer, "subject": subject, "claims": {"runnerEnvironment": "github-hosted"}}],
			[unnamed, {"withoutIssuer": true, "subject": "host.acme.example"}],
			[unnamed, {"withoutIssuer": true, "subject": "release@acme.example"}],
			[keyed, {"key": keyed.fingerprint}],
			[notary, {"x509Subject": "C=US,ST=WA,O=acme"}],
		]
		not demand.identified(signer, identity)
	]
	wrong == []
}

test_nobody_else_is_identified if {
	passed := [[signer, identity] |
		some identity in [
			{}, null, "x", [],
			{"subject": subject},
			{"issuer": issuer},
			{"issuer": "", "subject": subject},
			{"issuer": null, "subject": subject},
			{"issuer": "https://issuer.example.com", "subject": subject},
			{"issuer": "https://token.actions.*", "subject": subject},
			{"issuer": issuer, "subject": "*"},
			{"issuer": issuer, "subject": null},
			{"issuer": issuer, "subject": "https://github.com/acme-evil/*"},
			{"issuer": issuer, "subject": subject, "claims": {}},
			{"issuer": issuer, "subject": subject, "claims": null},
			{"issuer": issuer, "subject": subject, "claims": "runnerEnvironment"},
			{"issuer": issuer, "subject": subject, "claims": {"runnerEnvironment": "self-hosted"}},
			{"issuer": issuer, "subject": subject, "claims": {"runnerEnvironment": "github-hosted", "buildTrigger": "x"}},
			{"issuer": issuer, "subject": subject, "claims": {"another": "x"}},
			{"issuer": issuer, "subject": subject, "claimsRegExp": {"runnerEnvironment": ".*"}},
			{"issuer": issuer, "subject": subject, "key": keyed.fingerprint},
			{"issuer": issuer, "withoutIssuer": true, "subject": subject},
			{"withoutIssuer": true, "subject": subject},
			{"withoutIssuer": false, "subject": "host.acme.example"},
			{"withoutIssuer": true, "subject": "another.acme.example"},
			{"key": ""}, {"key": null},
			{"key": "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"},
			{"x509Subject": ""}, {"x509Subject": null}, {"x509Subject": "C=US"},
			{"key": keyed.fingerprint, "x509Subject": "C=US,ST=WA,O=acme"},
		]
		some signer in [keyless, unnamed, keyed, notary, {}, null, {"kind": "key"}, {"kind": "keyless"}, {"kind": "notation"}]
		demand.identified(signer, identity)
	]
	passed == []

	# What is of one kind is not of another.
	not demand.identified(object.union(keyless, {"kind": "key"}), {"issuer": issuer, "subject": subject})
	not demand.identified(object.union(unnamed, {"issuer": ""}), {"withoutIssuer": true, "subject": "host.acme.example"})
	not demand.identified(object.union(unnamed, {"issuer": issuer}), {"withoutIssuer": true, "subject": "host.acme.example"})

	# The other names of a certificate with an issuer are nobody's.
	not demand.identified(object.union(keyless, {"otherSubjects": ["x"]}), {"issuer": issuer, "subject": "x"})
}
