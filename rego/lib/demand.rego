# Judges what a constraint demands of an image beyond being verified: who signed it, and what
# was attested of it.
#
# Deny unless proven, again: a template says which images meet its demand, and all others are
# violations. Only a verdict with the outcome `verified` has something to go by. What it shows
# of signers and attestations was verified by the provider, as its policies say.
#
# Valid Rego v0 (with these imports) and v1 (which ignores them).
package lib.demand

import data.lib.message
import data.lib.sealgate
import future.keywords.if
import future.keywords.in

# violations has one entry for every image that is not proven to be verified, and for each
# that is, and is not among those that meet the demand (`demanded.met`). Of what was found
# instead, `demanded.said` has pairs of image and remark.
violations(review, parameters, answer, demanded) := sealgate.violations(review, parameters, answer) | {violation |
	asked := sealgate.scope(review, parameters)
	some image in sealgate.images(review, parameters)
	sealgate.allowed(answer, image, asked)
	not image in demanded.met
	violation := report(review, parameters, answer, object.union(demanded, {"image": image}))
}

# report is defined for every image: a violation without words would be a pass.
report(review, parameters, answer, demanded) := violation if {
	found := {
		"situation": situation(review, parameters, answer, demanded),
		"remarks": sort([pair[1] | some pair in demanded.said; pair[0] == demanded.image]),
		"help": object.get(parameters, "help", ""),
	}
	judged := {"digest": verdict.image.digest |
		verdict := sealgate.proven(answer, demanded.image, sealgate.scope(review, parameters))
	}
	violation := message.violation(
		[demanded.image],
		sealgate.places(review, demanded.image),
		object.union(found, judged),
	)
} else := message.unexplained

situation(review, parameters, answer, demanded) := demanded.situation if {
	proofs(review, parameters, answer)[demanded.image]
} else := "without_proof"

# proofs are the verdicts that prove something, by image. What a policy lets in without proof
# (a policy in warn mode, a level that verifies nothing, no policy at all) is not among them.
proofs(review, parameters, answer) := {image: verdict |
	asked := sealgate.scope(review, parameters)
	some image in sealgate.images(review, parameters)
	verdict := sealgate.proven(answer, image, asked)
	verdict.outcome == "verified"
	count(sealgate.about(answer, "responses", image, asked)) == 1
}

# attestations are those of a verdict, or those that meet the rule which the constraint names
# (`rule`, as `policy/rule`).
attestations(verdict, parameters) := [attestation |
	some attestation in sealgate.elements(verdict, "attestations")
	of_rule(attestation, parameters)
]

of_rule(_, parameters) if not has(parameters, "rule")

of_rule(attestation, parameters) if attestation.rule == parameters.rule

# fact is what a verdict shows of an attestation, or null.
fact(attestation, path) := object.get(attestation, array.concat(["facts"], path), null)

# one_of: a text, and the list of the constraint has it. No list, and an empty one, have nothing.
one_of(value, parameters, list) if {
	some pattern in sealgate.elements(parameters, list)
	matches(value, pattern)
}

# one_of_any: the same, where a constraint without the list demands nothing.
one_of_any(_, parameters, list) if not has(parameters, list)

one_of_any(value, parameters, list) if one_of(value, parameters, list)

# matches: letter by letter. A pattern that ends in `*` matches what begins like it, where the
# name before it is complete: a URL with a part of its path, up to a `/`, or a Git ref, which may
# stand after a URL. `https://github.com/acme*` would match `https://github.com/acme-evil`, too.
matches(value, pattern) if {
	is_string(value)
	value != ""
	value == pattern
}

matches(value, pattern) if {
	is_string(value)
	regex.match(`^[a-z][a-z0-9+.-]*://[^/*@]+/[^/*]+/([^*]*/)?[*]$`, pattern)
	startswith(value, trim_suffix(pattern, "*"))
}

matches(value, pattern) if {
	is_string(value)
	regex.match(`^([a-z][a-z0-9+.-]*://[^/*@]+/[^*]+@)?refs/[a-z]+/[^*]*[*]$`, pattern)
	startswith(value, trim_suffix(pattern, "*"))
}

# signers are those of a verdict who signed what the constraint says (`signs`): the image, if it
# says nothing.
signers(verdict, parameters) := [signer |
	some signer in sealgate.elements(verdict, "signers")
	signer.signs in signs(parameters)
]

signs(parameters) := ["image"] if {
	not has(parameters, "signs")
} else := sealgate.elements(parameters, "signs")

# identified: the signer is whom the identity names. It names in one way, and nothing beside
# that way's own fields: what is misspelt would otherwise not be compared.
identified(signer, identity) if {
	names(identity, {"claims", "issuer", "subject"}, {"issuer", "subject"})
	signer.kind == "keyless"
	is_string(identity.issuer)
	identity.issuer != ""
	signer.issuer == identity.issuer
	matches(signer.subject, identity.subject)
	claims(signer, identity)
}

# A certificate that names no issuer may have several names.
identified(signer, identity) if {
	names(identity, {"claims", "subject", "withoutIssuer"}, {"subject", "withoutIssuer"})
	signer.kind == "keyless"
	identity.withoutIssuer == true
	not has(signer, "issuer")
	some subject in array.concat([signer.subject], sealgate.elements(signer, "otherSubjects"))
	matches(subject, identity.subject)
	claims(signer, identity)
}

identified(signer, identity) if {
	names(identity, {"key"}, {"key"})
	signer.kind == "key"
	regex.match(`^[0-9a-f]{64}$`, identity.key)
	signer.fingerprint == identity.key
}

identified(signer, identity) if {
	names(identity, {"x509Subject"}, {"x509Subject"})
	signer.kind == "notation"
	is_string(identity.x509Subject)
	identity.x509Subject != ""
	signer.x509Subject == identity.x509Subject
}

names(identity, known, needed) if {
	is_object(identity)
	given := {name | some name, _ in identity}
	count(given - known) == 0
	count(needed - given) == 0
}

claims(_, identity) if not has(identity, "claims")

claims(signer, identity) if {
	is_object(identity.claims)
	count(identity.claims) > 0
	other := [name |
		some name, value in identity.claims
		not claim(signer, name, value)
	]
	count(other) == 0
}

claim(signer, name, value) if {
	is_string(value)
	signer.claims[name] == value
}

has(object_, name) if {
	some name_, _ in object_
	name_ == name
}
