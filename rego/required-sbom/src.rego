package sealgaterequiredsbom

import data.lib.demand
import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

violation contains found if {
	demanded := {"met": met, "said": said, "situation": "no_sbom"}
	some found in demand.violations(input.review, parameters, answer, demanded)
}

met contains image if {
	some image, verdict in proofs
	some attestation in demand.attestations(verdict, parameters)
	some format in formats
	is_of(attestation.predicateType, format)
	packages := demand.fact(attestation, ["packages"])
	is_number(packages)
	packages >= max([1, object.get(parameters, "minimumPackages", 1)])
}

said contains [image, remark] if {
	some image, verdict in proofs
	some attestation in demand.attestations(verdict, parameters)
	some format in ["spdx", "cyclonedx"]
	is_of(attestation.predicateType, format)
	remark := sprintf("%s with %v packages", [format, object.get(attestation, ["facts", "packages"], "unreadable")])
}

formats := ["spdx", "cyclonedx"] if {
	not demand.has(parameters, "formats")
} else := sealgate.elements(parameters, "formats")

is_of(predicate_type, "spdx") if regex.match(`^https://spdx[.]dev/Document(/v2[.][0-9]+)?$`, predicate_type)

is_of(predicate_type, "cyclonedx") if regex.match(`^https://cyclonedx[.]org/bom(/v1[.][0-9]+)?$`, predicate_type)

proofs := demand.proofs(input.review, parameters, answer)

# answer stays null where Gatekeeper leaves the call undefined: denied, not passed.
default answer := null

answer := external_data({"provider": sealgate.provider(parameters), "keys": keys}) if {
	count(keys) > 0
}

keys := sealgate.keys(input.review, parameters)

parameters := object.get(input, "parameters", {})
