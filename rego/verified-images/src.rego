package sealgateverifiedimages

import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

violation contains found if {
	some found in sealgate.violations(input.review, parameters, answer)
}

# answer stays null where Gatekeeper leaves the call undefined: denied, not passed.
default answer := null

answer := external_data({"provider": sealgate.provider(parameters), "keys": keys}) if {
	count(keys) > 0
}

keys := sealgate.keys(input.review, parameters)

parameters := object.get(input, "parameters", {})
