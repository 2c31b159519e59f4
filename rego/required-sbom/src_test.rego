package sealgaterequiredsbom_test

import data.sealgaterequiredsbom
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
	some violation in sealgaterequiredsbom.violation with input as {"review": review, "parameters": parameters, "shown": shown}
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
	sealgaterequiredsbom.answer == null with input as {"review": {"object": {"spec": {"containers": []}}}}
		with external_data as answered
}

test_what_meets_the_demand_passes if {
	found(good, shown_good) == set()
}

good := {}

shown_good := [sbom("https://spdx.dev/Document/v2.3", 3)]

sbom(type, packages) := {"rule": "production/sbom", "predicateType": type, "facts": {"packages": packages}}

test_both_formats_are_taken_in_all_their_versions if {
	wrong := [type |
		some type in ["https://spdx.dev/Document", "https://spdx.dev/Document/v2.2", "https://cyclonedx.org/bom", "https://cyclonedx.org/bom/v1.6"]
		found({}, [sbom(type, 1)]) != set()
	]
	wrong == []
	admitted({}, [
		[sbom("https://spdx.dev/Document/v3.0", 1)],
		[sbom("https://spdx.dev/Documents", 1)],
		[sbom("x https://spdx.dev/Document", 1)],
		[sbom("https://cyclonedx.org/bom/v2.0", 1)],
		[sbom("https://cyclonedx.org/bom-evil", 1)],
		[sbom(null, 1)],
	]) == []
}

test_the_constraint_says_which_formats if {
	found({"formats": ["spdx"]}, shown_good) == set()
	found({"formats": ["cyclonedx"]}, shown_good) == {"no_sbom"}
	found({"formats": []}, shown_good) == {"no_sbom"}
	found({"formats": null}, shown_good) == {"no_sbom"}
	found({"formats": ["another"]}, shown_good) == {"no_sbom"}
}

test_what_names_no_package_is_no_bill_of_materials if {
	type := "https://spdx.dev/Document"
	admitted({}, [
		[], null, [null],
		[{"rule": "x", "predicateType": type}],
		[{"rule": "x", "predicateType": type, "facts": {}}],
		[sbom(type, 0)], [sbom(type, null)], [sbom(type, "3")], [sbom(type, [1])], [sbom(type, -1)],
	]) == []
	found({"minimumPackages": 0}, [sbom(type, 0)]) == {"no_sbom"}
}

test_there_are_as_many_packages_as_the_constraint_says if {
	found({"minimumPackages": 3}, shown_good) == set()
	found({"minimumPackages": 4}, shown_good) == {"no_sbom"}
	found({"minimumPackages": "1"}, shown_good) == {"no_sbom"}
}
