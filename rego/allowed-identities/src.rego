package sealgateallowedidentities

import data.lib.demand
import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

violation contains found if {
	demanded := {"met": met, "said": said, "situation": "not_allowed"}
	some found in demand.violations(input.review, parameters, answer, demanded)
}

met contains image if {
	some image, verdict in proofs
	some signer in demand.signers(verdict, parameters)
	some identity in sealgate.elements(parameters, "identities")
	demand.identified(signer, identity)
}

said contains [image, remark] if {
	some image, verdict in proofs
	some signer in demand.signers(verdict, parameters)
	remark := sprintf("signed by %s", [name(signer)])
}

name(signer) := sprintf("%s of %s", [signer.subject, object.get(signer, "issuer", "no issuer")]) if {
	signer.kind == "keyless"
} else := sprintf("the key %s", [signer.fingerprint]) if {
	signer.kind == "key"
} else := signer.x509Subject if {
	is_string(signer.x509Subject)
} else := "somebody"

proofs := demand.proofs(input.review, parameters, answer)

# answer stays null where Gatekeeper leaves the call undefined: denied, not passed.
default answer := null

answer := external_data({"provider": sealgate.provider(parameters), "keys": keys}) if {
	count(keys) > 0
}

keys := sealgate.keys(input.review, parameters)

parameters := object.get(input, "parameters", {})
