package sealgaterequiredprovenance_test

import data.sealgaterequiredprovenance
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
	"attestations": input.shown,
}

# found are the situations, where the verdict shows this.
found(parameters, shown) := {violation.details.situation |
	some violation in sealgaterequiredprovenance.violation with input as {"review": review, "parameters": parameters, "shown": shown}
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
	sealgaterequiredprovenance.answer == null with input as {"review": {"object": {"spec": {"containers": []}}}}
		with external_data as answered
}

test_what_meets_the_demand_passes if {
	found(good, shown_good) == set()
}

good := {"builders": ["https://builder.example.com/a"], "repositories": ["https://github.com/acme/*"], "refs": ["refs/tags/*"]}

shown_good := [provenance("https://builder.example.com/a", "https://github.com/acme/app", "refs/tags/v1")]

provenance(builder, repository, ref) := {
	"rule": "production/provenance",
	"predicateType": "https://slsa.dev/provenance/v1",
	"facts": {"builder": builder, "source": {"repository": repository, "ref": ref}},
}

test_each_fact_must_be_allowed if {
	admitted(good, [
		[],
		null,
		[null],
		[provenance("https://builder.example.com/b", "https://github.com/acme/app", "refs/tags/v1")],
		[provenance("https://builder.example.com/a", "https://github.com/acme-evil/app", "refs/tags/v1")],
		[provenance("https://builder.example.com/a", "https://github.com/acme/app", "refs/heads/main")],
		[provenance(null, "https://github.com/acme/app", "refs/tags/v1")],
		[provenance("https://builder.example.com/a", null, "refs/tags/v1")],
		[provenance("https://builder.example.com/a", "https://github.com/acme/app", null)],
		[{"rule": "x", "predicateType": "https://slsa.dev/provenance/v1"}],
		[{"rule": "x", "predicateType": "https://slsa.dev/provenance/v1", "facts": "x"}],
		[object.union(shown_good[0], {"predicateType": "https://slsa.dev/provenance/v2"})],
		[object.remove(shown_good[0], ["predicateType"])],
	]) == []
}

test_facts_of_two_attestations_are_not_taken_together if {
	halves := [
		provenance("https://builder.example.com/a", "https://github.com/acme/app", "refs/heads/main"),
		provenance("https://builder.example.com/b", "https://github.com/acme/app", "refs/tags/v1"),
	]
	found(good, halves) == {"no_provenance"}
	found(good, array.concat(halves, shown_good)) == set()
}

test_a_constraint_that_allows_nothing_admits_nothing if {
	passed := [parameters |
		some parameters in [
			{},
			object.remove(good, ["builders"]),
			object.remove(good, ["repositories"]),
			object.union(good, {"builders": []}),
			object.union(good, {"repositories": []}),
			object.union(good, {"refs": []}),
			object.union(good, {"builders": ["*"]}),
			object.union(good, {"repositories": ["https://github.com/acm*"]}),
		]
		found(parameters, shown_good) != {"no_provenance"}
	]
	passed == []
}

test_refs_may_be_left_out if {
	found(object.remove(good, ["refs"]), [provenance("https://builder.example.com/a", "https://github.com/acme/app", null)]) == set()
}

test_v0_2_is_provenance if {
	found(good, [object.union(shown_good[0], {"predicateType": "https://slsa.dev/provenance/v0.2"})]) == set()
}
