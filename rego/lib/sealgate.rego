# Judges images by an answer of the sealgate provider.
#
# Deny unless proven: `violations` has one entry for every image that the answer
# does not show to be verified. An absent, empty, malformed or partial answer is no
# proof, so nothing that goes wrong on the way lets an image pass.
#
# Everything here is pure. The one impure step, the call of external_data, belongs
# to the template, so that `opa test` and gator, which have no external_data, can
# test this package.
#
# Valid Rego v0 (with these imports) and v1 (which ignores them).
package lib.sealgate

import data.lib.message
import data.lib.workload
import future.keywords.if
import future.keywords.in

# violations judges the object under review. The answer is what external_data
# returned for `keys(review, parameters)`, or null where the call was undefined.
violations(review, parameters, answer) := set() if {
	workload.leaving(review)
} else := {message.unreadable(review)} if {
	count(workload.pod_specs(resource(review))) == 0
} else := {violation |
	asked := scope(review, parameters)
	some image in images(review, parameters)
	not allowed(answer, image, asked)
	violation := report(review, parameters, answer, image)
}

# report is defined for every image: a violation without words would be a pass. Where
# nothing was decided, all images of the object have the same violation, which is one.
report(review, parameters, answer, image) := violation if {
	finding(parameters, answer, image, scope(review, parameters)).situation == "undecided"
	concerned := undecided(review, parameters, answer)
	remarks := causes(review, parameters, answer, concerned)
	found := object.union(
		{"situation": doubt(remarks), "remarks": remarks, "help": object.get(parameters, "help", "")},
		{"adminHint": hint | hint := spoken(answer)[1]},
	)
	violation := message.violation(concerned, all_places(review, concerned), found)
} else := violation if {
	found := finding(parameters, answer, image, scope(review, parameters))
	helped := object.union(found, {"help": object.get(parameters, "help", "")})
	violation := message.violation([image], places(review, image), helped)
} else := message.unexplained

# keys asks about every image that can be asked about. It is an array, because
# external_data is undefined for a set, and leaves out what would make the whole
# call undefined: such an image is a violation by itself.
keys(review, parameters) := [key(image, asked) |
	asked := scope(review, parameters)
	some image in images(review, parameters)
	sendable(image)
]

# allowed says whether the answer proves the image verified: the provider decided,
# has no error for the image, and all its verdicts on it, at least one, are proofs.
allowed(answer, image, asked) if {
	sendable(image)
	decided(answer)
	count(about(answer, "errors", image, asked)) == 0
	verdicts := about(answer, "responses", image, asked)
	count(verdicts) > 0
	count(unproven(verdicts, image, asked)) == 0
}

# proven is the verdict on an image that is allowed, and undefined for any other: for
# rules of your own about signers, claims and attestations.
proven(answer, image, asked) := about(answer, "responses", image, asked)[0] if {
	allowed(answer, image, asked)
}

# image_signers are those of a verdict who signed the image itself. The others among its
# signers attested something of it, which is less: the image may be of anybody's making.
image_signers(verdict) := [signer |
	some signer in elements(verdict, "signers")
	signer.signs == "image"
]

# --- the question ---

# images are those to verify; what stands for an image and is no name stays in.
images(review, parameters) := set() if {
	workload.leaving(review)
} else := {use.image |
	some use in workload.uses(resource(review))
	not exempted(use.image, parameters)
}

resource(review) := object.get(review, "object", null)

exempted(image, parameters) if {
	sendable(image)
	workload.exempt(image, elements(parameters, "exemptImages"))
}

places(review, image) := sort([use.place |
	some use in workload.uses(resource(review))
	use.image == image
])

all_places(review, concerned) := sort([use.place |
	some use in workload.uses(resource(review))
	use.image in concerned
])

# scope is what is asked along with each image. The namespace is that of the
# request, which the API server vouches for; without one, none is sent.
scope(review, parameters) := {name: value |
	some name, value in {
		"namespace": namespace(review),
		"policy": object.get(parameters, "policy", ""),
	}
	value != ""
}

namespace(review) := review.namespace if {
	review.namespace != ""
} else := object.get(review, ["object", "metadata", "namespace"], "")

# key is always a JSON key, so that no image name can pretend to be in another
# namespace or to ask for another policy.
key(image, asked) := json.marshal(object.union(asked, {"image": image}))

# sendable says whether a name can be asked about at all. Image names are printable
# ASCII; a single control character makes external_data undefined for all keys.
sendable(image) if {
	is_string(image)
	count(image) <= 1024
	regex.match(`^[!-~]+$`, image)
}

# --- the answer ---

# decided: Gatekeeper reports status 0 when its cache held every key.
decided(answer) if {
	answer.system_error == ""
	answer.status_code in {0, 200}
}

# about are the values of the image's key in one of the answer's lists of
# [key, value] pairs.
about(answer, list, image, asked) := [pair[1] |
	wanted := key(image, asked)
	some pair in elements(answer, list)
	pair[0] == wanted
]

unproven(verdicts, image, asked) := [verdict |
	some verdict in verdicts
	not proof(verdict, image, asked)
]

# proof says whether a verdict shows that this image, no other, is verified, and
# under the policy that was asked for.
proof(verdict, image, asked) if {
	verdict.schemaVersion == 1
	verdict.verified == true
	verdict.image.requested == image
	fits(verdict.image.digest, image)
	under_policy(verdict, asked)
}

# fits: an image pinned to a digest can only be verified as that digest.
fits(digest, image) if {
	regex.match(`^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$`, digest)
	split(image, "@")[1] == digest
}

fits(digest, image) if {
	regex.match(`^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$`, digest)
	count(split(image, "@")) == 1
}

under_policy(_, asked) if not asked.policy

under_policy(verdict, asked) if {
	some policy in elements(verdict, "policies")
	policy.name == asked.policy
}

# --- the finding ---

# finding says why an image is not allowed: the situation, and where there are any,
# the remarks of whoever refused it and the reason codes of the verdict.
finding(parameters, answer, image, asked) := {"situation": "not_an_image"} if {
	not sendable(image)
} else := {"situation": "no_answer"} if {
	answer == null
} else := {"situation": "no_provider", "remarks": [provider(parameters)]} if {
	is_string(answer.system_error)
	regex.match(`not found in provider cache`, answer.system_error)
} else := {"situation": "undecided", "remarks": [spoken(answer)[0]]} if {
	answer.system_error != ""
} else := {"situation": "undecided", "remarks": [remark]} if {
	not decided(answer)
	remark := sprintf("HTTP status %v", [object.get(answer, "status_code", "unknown")])
} else := {"situation": "missing", "reasons": ["image_not_found"]} if {
	error := about(answer, "errors", image, asked)[0]
	is_string(error)
	startswith(error, "image_not_found: ")
} else := {"situation": "bad_key", "remarks": errors} if {
	errors := about(answer, "errors", image, asked)
	count(errors) > 0
} else := {"situation": "no_verdict"} if {
	count(about(answer, "responses", image, asked)) == 0
} else := refused(verdict) if {
	verdict := unproven(about(answer, "responses", image, asked), image, asked)[0]
	verdict.verified == false
} else := {"situation": "no_proof"}

provider(parameters) := object.get(parameters, "provider", "sealgate")

# refused is what a verdict says against its image: the reason that leads, and all of them.
refused(verdict) := object.union_n([
	{
		"situation": refusal(verdict),
		"remarks": [reason.message | some reason in lead(verdict)],
		"reasons": [reason.code | some reason in elements(verdict, "reasons")],
		"messages": [reason.message | some reason in elements(verdict, "reasons")],
	},
	{"code": reason.code | some reason in lead(verdict)},
	{"policy": policy.name | some policy in array.slice(failed(verdict), 0, 1)},
	{"digest": verdict.image.digest},
]) if {
	is_string(verdict.image.digest)
} else := {"situation": refusal(verdict)}

# lead is the reason to show. Who signed as he should is no stranger: what is missing beside
# him leads then, unless something is broken or forged.
lead(verdict) := array.slice(own, 0, 1) if {
	verdict.outcome != "invalid"
	some policy in failed(verdict)
	some demand in elements(policy, "demands")
	demand.signs == "image"
	count(demand.by) > 0
	own := [reason |
		some one in failed(verdict)
		some reason in elements(one, "reasons")
	]
	count(own) > 0
} else := array.slice(elements(verdict, "reasons"), 0, 1)

# failed are the policies that refuse the image.
failed(verdict) := [policy |
	some policy in elements(verdict, "policies")
	policy.outcome == "failed"
	object.get(policy, "mode", "enforce") != "warn"
]

# undecided are the images that the answer names as undecided; if it names none, all.
undecided(review, parameters, answer) := named if {
	named := [image |
		some image in sort([one | some one in images(review, parameters); sendable(one)])
		cause(answer, image, scope(review, parameters))
	]
	count(named) > 0
} else := sort([image | some image in images(review, parameters); sendable(image)])

# causes say why; where they are about no image, they are the whole answer.
causes(review, parameters, answer, concerned) := found if {
	found := [why |
		some image in concerned
		why := cause(answer, image, scope(review, parameters))
	]
	count(found) > 0
} else := finding(parameters, answer, concerned[0], scope(review, parameters)).remarks

# cause is what the answer says of an image, after its key and up to the next one.
cause(answer, image, asked) := why if {
	quoted := sprintf("%s: ", [json.marshal(key(image, asked))])
	parts := split(spoken(answer)[0], quoted)
	count(parts) > 1
	why := split(parts[1], `; "`)[0]
}

# spoken is the provider's system error: what is for all, and what is for the platform team
# alone, if there is anything.
spoken(answer) := split(answer.system_error, " | platform team: ") if {
	is_string(answer.system_error)
} else := [object.get(answer, "system_error", null)]

# doubt: a registry that gives out wrong bytes is no trouble that passes.
doubt(remarks) := "tampered_registry" if {
	some remark in remarks
	is_string(remark)
	startswith(remark, "digest_mismatch: ")
} else := "undecided"

# refusal is the verdict's outcome: unsigned, untrusted and invalid are different things.
refusal(verdict) := verdict.outcome if {
	verdict.outcome in {"invalid", "no_policy", "unsigned", "untrusted"}
} else := "denied"

# elements of a list that may as well be absent or null.
elements(parent, list) := value if {
	value := parent[list]
	is_array(value)
} else := []
