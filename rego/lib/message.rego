# Tells the person who deploys what is wrong with an image, and what to do.
#
# Valid Rego v0 (with these imports) and v1 (which ignores them).
package lib.message

import future.keywords.if
import future.keywords.in

# violation says it in a line: where, which image, what is wrong, in whose words, and
# what to do. The details are for programs.
violation(image, places, found) := {"msg": msg, "details": details} if {
	words := situations[found.situation]
	msg := concat("", [
		cut(concat(", ", places), 200), ": image ", cut(json.marshal(image), 300), " ",
		words.what, remarks(object.get(found, "remarks", [])), ". ",
		words.todo, ".",
	])
	details := {
		"image": image,
		"places": places,
		"reasons": object.get(found, "reasons", []),
		"situation": found.situation,
	}
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
		"todo": "Sign it where it is built and deploy again; an earlier answer may be remembered for a few minutes",
	},
	"untrusted": {
		"what": "is not signed by anyone whom the policy trusts",
		"todo": "Deploy an image from a trusted pipeline, or ask the platform team to trust its signer",
	},
	"invalid": {
		"what": "carries a broken or forged signature",
		"todo": "Do not run it; find out where it comes from and tell the security team",
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
	"no_provider": {
		"what": "could not be decided on: Gatekeeper does not have, or does not accept, the Provider",
		"todo": "Tell the platform team: `kubectl get providers` must list it, with an https url and a caBundle",
	},
}

# remarks are the first few, in brackets.
remarks(list) := "" if {
	count(list) == 0
} else := sprintf(" (%s)", [cut(concat("; ", [text(remark) | some remark in array.slice(list, 0, 3)]), 500)])

text(value) := trim_suffix(regex.replace(value, `[[:cntrl:]]+`, " "), ".") if {
	is_string(value)
} else := json.marshal(value)

cut(value, length) := value if {
	count(value) <= length
} else := concat("", [substring(value, 0, length), "…"])
