# Tells the person who deploys what is wrong with an image, and what to do.
#
# Valid Rego v0 (with these imports) and v1 (which ignores them).
package lib.message

import future.keywords.if
import future.keywords.in

# violation says it in a line: where, which images, what is wrong, by which policy about
# which digest, in whose words, the code, and what to do. The details are for programs.
violation(images, places, found) := {"msg": msg, "details": details} if {
	words := object.union(situations[found.situation], words_of(object.get(found, "code", "")))
	before := concat("", [
		cut(concat(", ", places), 200), ": image ",
		cut(concat(", ", [json.marshal(image) | some image in images]), 300), " ", words.what,
	])
	after := concat("", [code(found), ". ", words.todo, ".", help(found)])
	msg := concat("", [before, remarks(found, 300 - (count(before) + count(after))), after])
	details := object.union(
		{
			"image": images[0],
			"images": images,
			"places": places,
			"reasons": object.get(found, "reasons", []),
			"situation": found.situation,
		},
		{name: found[name] | some name in ["policy", "digest", "messages", "adminHint"]},
	)
}

# unexplained stands in where no better words are found.
unexplained := {
	"msg": "an image of this object is not proven to be verified. Retry in a moment; if it stays so, tell the platform team.",
	"details": {"situation": "unexplained"},
}

# unreadable refuses an object in which no images can be found.
unreadable(review) := {"msg": msg, "details": {"situation": "unreadable"}} if {
	msg := concat("", [
		"no pod specification is found in this ", kind(review), ", so its images cannot be verified. ",
		"Platform team: let the constraint match only kinds whose pod template it can read, and Pods.",
	])
}

kind(review) := review.kind.kind if {
	is_string(review.kind.kind)
} else := "object"

# words_of says the same of a code that tells more than its situation.
words_of(code) := codes[code] if {
	codes[code]
} else := {
	"what": "was signed with what was not valid at that time",
	"todo": "Sign it anew, and deploy again",
} if {
	code in {
		"key_outside_validity", "certificate_outside_validity", "signature_expired",
		"log_outside_validity", "sct_outside_validity", "timestamp_outside_validity",
	}
} else := {
	"what": "is signed without the witnesses that the policy demands",
	"todo": "Sign it with a transparency log or a timestamp, as the policy says",
} if {
	code in {
		"no_verified_time", "timestamp_threshold_not_met", "log_threshold_not_met",
		"sct_threshold_not_met",
	}
} else := {
	"what": "is signed in a way that the policy does not take",
	"todo": "Sign it as the policy says, or ask the platform team",
} if {
	code in {"form_unsupported", "plugin_unsupported", "signature_kind_mismatch"}
} else := {}

codes := {
	"no_matching_attestation": {
		"what": "lacks an attestation",
		"todo": "Attest it where it is built, and deploy again",
	},
	"threshold_not_met": {
		"what": "lacks a signature",
		"todo": "Have the missing one sign it, and deploy again",
	},
	"annotation_mismatch": {
		"what": "is not annotated as the policy demands",
		"todo": "Sign it with that annotation, and deploy again",
	},
	"static_fail": {
		"what": "is refused by the policy, whoever signed it",
		"todo": "Deploy another one, or ask the platform team",
	},
	"condition_failed": {
		"what": "does not meet a condition of the policy",
		"todo": "Build it as the policy demands, or ask the platform team",
	},
	"condition_error": {
		"what": "meets a condition that cannot be evaluated",
		"todo": "Tell the platform team: the policy is broken, or does not fit the attestation",
	},
	"signature_too_old": {
		"what": "was signed longer ago than the policy allows",
		"todo": "Build and sign it anew, and deploy again",
	},
	"certificate_revoked": {
		"what": "was signed with a certificate that is revoked",
		"todo": "Do not run it; tell the security team",
	},
	"revocation_unknown": {
		"what": "was signed with a certificate that may be revoked: nobody could tell",
		"todo": "Retry in a moment; if it stays so, tell the platform team",
	},
	"limit_exceeded": {
		"what": "could not be judged to the end: there is too much beside it",
		"todo": "Take away what nobody needs, or tell the platform team",
	},
}

# situations: the first half of a sentence, and what to do.
situations := {
	"not_an_image": {
		"what": "is not an image name, so it cannot be verified",
		"todo": "Write a plain image name: printable ASCII without spaces",
	},
	"no_policy": {
		"what": "is covered by no trust policy",
		"todo": "Deploy an image that one covers, or ask the platform team for a policy",
	},
	"unsigned": {
		"what": "is not signed as the policy demands",
		"todo": "Sign it where it is built, and deploy again in a few minutes",
	},
	"untrusted": {
		"what": "is not signed by anyone whom the policy trusts",
		"todo": "Deploy one from a trusted pipeline, or ask the platform team",
	},
	"invalid": {
		"what": "carries a broken or forged signature",
		"todo": "Do not run it; tell the security team",
	},
	"denied": {
		"what": "is not verified",
		"todo": "Ask the platform team for the provider's audit log",
	},
	"bad_key": {
		"what": "cannot be asked about",
		"todo": "Correct the image name; if it is right, the platform team should look at the constraint's policy parameter",
	},
	"missing": {
		"what": "does not exist in its registry",
		"todo": "Correct the name, or push it and deploy again; an earlier answer may be remembered for a few minutes",
	},
	"undecided": {
		"what": "could not be decided on, which says nothing against the image",
		"todo": "Retry in a moment; if it stays so, tell the platform team",
	},
	"tampered_registry": {
		"what": "could not be decided on: its registry gives out other bytes than it was asked for",
		"todo": "Do not retry; tell the platform team and whoever runs the registry",
	},
	"no_answer": {
		"what": "could not be decided on: Gatekeeper got no answer from the provider",
		"todo": "Retry in a moment; if it stays so, tell the platform team",
	},
	"no_verdict": {
		"what": "could not be decided on: the provider's answer leaves it out",
		"todo": "Tell the platform team: provider and constraint template do not fit",
	},
	"no_proof": {
		"what": "could not be decided on: the provider's verdict does not prove anything about it",
		"todo": "Tell the platform team: provider and constraint template do not fit",
	},
	"without_proof": {
		"what": "was let in by the policy without proof, and this constraint demands one",
		"todo": "Sign it for a policy that demands a signature, or ask the platform team",
	},
	"no_provenance": {
		"what": "has no provenance that the constraint allows",
		"todo": "Build it where the constraint says, and deploy again",
	},
	"vulnerable": {
		"what": "has no scan that the constraint takes",
		"todo": "Mend what was found, or scan it anew, and deploy again",
	},
	"no_sbom": {
		"what": "has no bill of materials that the constraint takes",
		"todo": "Attest one where it is built, and deploy again",
	},
	"not_allowed": {
		"what": "is signed by nobody whom the constraint allows",
		"todo": "Deploy one from a pipeline that it names, or ask the platform team",
	},
	"no_provider": {
		"what": "could not be decided on: Gatekeeper does not have, or does not accept, the Provider",
		"todo": "Tell the platform team: `kubectl get providers` must list it, with an https url and a caBundle",
	},
}

# remarks are the first few, in brackets, after the policy and the digest that was judged.
# What of them does not fit is in the details.
remarks(found, room) := sprintf(" (%s: %s)", [by, cut(remark, max([(room - count(by)) - 6, 60]))]) if {
	by := origin(found)
	by != ""
	remark := said(found)
	remark != ""
} else := sprintf(" (%s)", [cut(remark, max([room - 4, 60]))]) if {
	remark := said(found)
	remark != ""
} else := sprintf(" (%s)", [origin(found)]) if {
	origin(found) != ""
} else := ""

said(found) := concat("; ", [text(remark) | some remark in array.slice(object.get(found, "remarks", []), 0, 3)])

origin(found) := concat(", ", array.concat(
	[sprintf("policy %s", [cut(json.marshal(found.policy), 64)]) | is_string(found.policy)],
	[short(found.digest) | is_string(found.digest)],
))

# short leaves of each digest what tells it from others.
short(value) := regex.replace(value, `(sha(256|512):[0-9a-f]{12})[0-9a-f]{20,}`, "${1}…")

code(found) := sprintf(" [%s]", [found.code]) if {
	regex.match(`^[a-z0-9_]{1,64}$`, found.code)
} else := ""

# help is what the constraint adds for the people of this cluster.
help(found) := sprintf(" %s", [cut(text(found.help), 200)]) if {
	is_string(found.help)
	found.help != ""
} else := ""

text(value) := short(trim_suffix(regex.replace(value, `[[:cntrl:]]+`, " "), ".")) if {
	is_string(value)
} else := json.marshal(value)

cut(value, length) := value if {
	count(value) <= length
} else := concat("", [substring(value, 0, length), "…"])
