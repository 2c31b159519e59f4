package sealgateallowedidentities_test

import data.sealgateallowedidentities
import future.keywords.contains
import future.keywords.if
import future.keywords.in

app := "registry.example.com/prod/app:v1"

review := {"object": {"spec": {"containers": [{"name": "app", "image": app}]}}}

answered(request) := {
	"responses": [[key, verdict(json.unmarshal(key).image)] | some key in request.keys],
	"errors": [],
	"status_code": 200,
	"system_error": "",
} if {
	request.provider == "sealgate"
}

verdict(image) := {
	"schemaVersion": 1,
	"verified": true,
	"outcome": "verified",
	"image": {
		"requested": image,
		"digest": "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
	},
	"signers": input.shown,
}

# found are the situations, where the verdict shows this.
found(parameters, shown) := {violation.details.situation |
	some violation in sealgateallowedidentities.violation with input as {"review": review, "parameters": parameters, "shown": shown}
		with external_data as answered
}

# admitted are those of these that a constraint admits.
admitted(parameters, candidates) := [shown |
	some shown in candidates
	found(parameters, shown) == set()
]

test_undefined_call_is_refused if {
	found(object.union(good, {"provider": "another"}), shown_good) == {"no_answer"}
}

test_nothing_is_asked_without_an_image if {
	sealgateallowedidentities.answer == null with input as {"review": {"object": {"spec": {"containers": []}}}}
		with external_data as answered
}

test_what_meets_the_demand_passes if {
	found(good, shown_good) == set()
}

good := {"identities": [{"issuer": "https://issuer.example.com", "subject": "release@acme.example"}]}

shown_good := [release]

release := {"kind": "keyless", "signs": "image", "issuer": "https://issuer.example.com", "subject": "release@acme.example"}

test_one_of_the_signers_is_one_of_the_identities if {
	eve := object.union(release, {"subject": "eve@acme.example"})
	other := {"issuer": "https://issuer.example.com", "subject": "alice@acme.example"}
	found(good, [eve]) == {"not_allowed"}
	found(good, [eve, release]) == set()
	found({"identities": array.concat([other], good.identities)}, [release]) == set()
	found({"identities": [other]}, [release]) == {"not_allowed"}
}

test_who_attested_did_not_sign_the_image if {
	attested := object.union(release, {"signs": "attestation"})
	found(good, [attested]) == {"not_allowed"}
	found(object.union(good, {"signs": ["attestation"]}), [attested]) == set()
	found(object.union(good, {"signs": ["attestation"]}), [release]) == {"not_allowed"}
	found(good, [object.remove(release, ["signs"])]) == {"not_allowed"}
}

test_no_signer_and_no_identity_admit_nothing if {
	admitted(good, [[], null, [null], ["x"], {}, [{}]]) == []
	passed := [parameters |
		some parameters in [{}, {"identities": []}, {"identities": null}, {"identities": [{}]}, {"identities": {"a": good.identities[0]}}, {"identities": [null]}]
		found(parameters, shown_good) != {"not_allowed"}
	]
	passed == []
}
