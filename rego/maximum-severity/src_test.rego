package sealgatemaximumseverity_test

import data.sealgatemaximumseverity
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
	some violation in sealgatemaximumseverity.violation with input as {"review": review, "parameters": parameters, "shown": shown}
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
	sealgatemaximumseverity.answer == null with input as {"review": {"object": {"spec": {"containers": []}}}}
		with external_data as answered
}

test_what_meets_the_demand_passes if {
	found(good, shown_good) == set()
}

good := {"maximum": "medium"}

shown_good := [scan({"medium": 3, "low": 9})]

none := {"critical": 0, "high": 0, "medium": 0, "low": 0, "unknown": 0}

scan(counts) := {
	"rule": "production/scan",
	"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1",
	"facts": {"vulnerabilities": object.union(none, counts)},
}

test_nothing_is_worse_than_the_maximum if {
	wrong := [[maximum, severity] |
		some maximum, admits in {
			"none": [],
			"low": ["low"],
			"medium": ["low", "medium"],
			"high": ["low", "medium", "high"],
		}
		some severity in ["low", "medium", "high", "critical", "unknown"]
		passes := found({"maximum": maximum}, [scan({severity: 1})]) == set()
		passes != (severity in admits)
	]
	wrong == []
	found({"maximum": "none"}, [scan({})]) == set()
}

test_what_cannot_be_read_is_no_scan if {
	type := "https://cosign.sigstore.dev/attestation/vuln/v1"
	admitted(good, [
		[],
		null,
		[null],
		[{"rule": "x", "predicateType": type}],
		[{"rule": "x", "predicateType": type, "facts": {}}],
		[{"rule": "x", "predicateType": type, "facts": {"vulnerabilities": "x"}}],
		[{"rule": "x", "predicateType": type, "facts": {"vulnerabilities": {"critical": 0, "high": 0}}}],
		[scan({"critical": "0"})],
		[scan({"critical": null})],
		[object.union(shown_good[0], {"predicateType": "https://example.com/scan"})],
	]) == []
}

test_a_good_scan_takes_nothing_away_from_a_bad_one if {
	found(good, array.concat(shown_good, [scan({"critical": 1})])) == {"vulnerable"}
	found(good, array.concat(shown_good, [{"rule": "x", "predicateType": shown_good[0].predicateType}])) == {"vulnerable"}

	other := object.union(scan({"critical": 1}), {"rule": "production/other"})
	found(object.union(good, {"rule": "production/scan"}), array.concat(shown_good, [other])) == set()
	found(object.union(good, {"rule": "production/other"}), array.concat(shown_good, [other])) == {"vulnerable"}
	found(object.union(good, {"rule": "production/none"}), shown_good) == {"vulnerable"}
}

test_a_constraint_without_a_known_maximum_admits_nothing if {
	passed := [parameters |
		some parameters in [{}, {"maximum": null}, {"maximum": "negligible"}, {"maximum": "critical"}, {"maximum": "unknown"}, {"maximum": ""}]
		found(parameters, [scan({})]) != {"vulnerable"}
	]
	passed == []
}

# At 2026-12-01T12:00:00Z.
of_age(age, scanned) := {violation.details.situation |
	some violation in sealgatemaximumseverity.violation with input as {
		"review": review,
		"parameters": object.union(good, {"maxAge": age}),
		"shown": [scan(scanned)],
	}
		with external_data as answered
		with data.sealgatemaximumseverity.now as 1796126400000000000
}

test_a_scan_is_young_enough if {
	of_age("24h", {"scannedAt": "2026-11-30T12:00:00Z"}) == set()
	of_age("1d", {"scannedAt": "2026-11-30T12:00:00Z"}) == set()
	of_age("24h", {"scannedAt": "2026-11-30T11:59:59Z"}) == {"vulnerable"}
	of_age("7d", {"scannedAt": "2026-11-24T12:00:00Z"}) == set()
	of_age("7d", {"scannedAt": "2026-11-24T11:59:59Z"}) == {"vulnerable"}

	# A clock may be wrong by five minutes.
	of_age("7d", {"scannedAt": "2026-12-01T12:05:00Z"}) == set()
	of_age("7d", {"scannedAt": "2026-12-01T12:05:01Z"}) == {"vulnerable"}
}

test_a_scan_without_a_time_is_too_old if {
	passed := [scanned |
		some scanned in [{}, {"scannedAt": null}, {"scannedAt": ""}, {"scannedAt": "yesterday"}, {"scannedAt": 1796126400000000000}]
		of_age("9999d", scanned) != {"vulnerable"}
	]
	passed == []
}

test_an_age_that_cannot_be_read_is_none if {
	passed := [age |
		some age in ["", "7", "7w", "-7d", "7.5d", "d", null, 7, "999999d"]
		of_age(age, {"scannedAt": "2026-12-01T12:00:00Z"}) != {"vulnerable"}
	]
	passed == []
}
