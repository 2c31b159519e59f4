package sealgateverifiedimages_test

import data.sealgateverifiedimages
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
	"image": {
		"requested": image,
		"digest": "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
	},
}

found(input_) := {violation.details.situation |
	some violation in sealgateverifiedimages.violation with input as input_
		with external_data as answered
}

test_provider_is_asked_and_believed if {
	found({"review": review, "parameters": {}}) == set()
	found({"review": review}) == set()
}

# The mock is undefined for other providers, as the builtin is when it fails.
test_undefined_call_is_refused if {
	found({"review": review, "parameters": {"provider": "another"}}) == {"no_answer"}
}

test_nothing_is_asked_without_an_image if {
	sealgateverifiedimages.answer == null with input as {"review": {"object": {"spec": {"containers": []}}}}
		with external_data as answered
}
