package sealgaterequiredprovenance

import data.lib.demand
import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

violation contains found if {
	demanded := {"met": met, "said": said, "situation": "no_provenance"}
	some found in demand.violations(input.review, parameters, answer, demanded)
}

met contains image if {
	some image, verdict in proofs
	some attestation in provenances(verdict)
	builder_fits(attestation)
	repository_fits(attestation)
	ref_fits(attestation)
}

provenances(verdict) := [attestation |
	some attestation in demand.attestations(verdict, parameters)
	attestation.predicateType in types
]

builder_fits(attestation) if demand.one_of(builder(attestation), parameters, "builders")

repository_fits(attestation) if demand.one_of(repository(attestation), parameters, "repositories")

ref_fits(attestation) if demand.one_of_any(ref(attestation), parameters, "refs")

builder(attestation) := demand.fact(attestation, ["builder"])

repository(attestation) := demand.fact(attestation, ["source", "repository"])

ref(attestation) := demand.fact(attestation, ["source", "ref"])

said contains [image, remark] if {
	some image, verdict in proofs
	some attestation in provenances(verdict)
	not builder_fits(attestation)
	remark := sprintf("builder %s", [json.marshal(builder(attestation))])
}

said contains [image, remark] if {
	some image, verdict in proofs
	some attestation in provenances(verdict)
	not repository_fits(attestation)
	remark := sprintf("repository %s", [json.marshal(repository(attestation))])
}

said contains [image, remark] if {
	some image, verdict in proofs
	some attestation in provenances(verdict)
	not ref_fits(attestation)
	remark := sprintf("ref %s", [json.marshal(ref(attestation))])
}

types := {"https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"}

proofs := demand.proofs(input.review, parameters, answer)

# answer stays null where Gatekeeper leaves the call undefined: denied, not passed.
default answer := null

answer := external_data({"provider": sealgate.provider(parameters), "keys": keys}) if {
	count(keys) > 0
}

keys := sealgate.keys(input.review, parameters)

parameters := object.get(input, "parameters", {})
