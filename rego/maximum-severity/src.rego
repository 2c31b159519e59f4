package sealgatemaximumseverity

import data.lib.demand
import data.lib.sealgate
import future.keywords.contains
import future.keywords.if
import future.keywords.in

violation contains found if {
	demanded := {"met": met, "said": said, "situation": "vulnerable"}
	some found in demand.violations(input.review, parameters, answer, demanded)
}

# Every scan that the verdict shows, one at least: a good one takes nothing away from a bad one.
met contains image if {
	some image, verdict in proofs
	scans := scans_of(verdict)
	count(scans) > 0
	count([scan | some scan in scans; not acceptable(scan)]) == 0
}

said contains [image, remark] if {
	some image, verdict in proofs
	some scan in scans_of(verdict)
	remark := counts(demand.fact(scan, ["vulnerabilities"]))
}

scans_of(verdict) := [attestation |
	some attestation in demand.attestations(verdict, parameters)
	attestation.predicateType == "https://cosign.sigstore.dev/attestation/vuln/v1"
]

# acceptable: nothing is worse than the constraint allows, and the scan is young enough. What
# cannot be read, and what the scanner could not rate, is as bad as can be.
acceptable(scan) if {
	found := demand.fact(scan, ["vulnerabilities"])
	count(too_bad) > 0
	count([severity | some severity in too_bad; not none(found, severity)]) == 0
	young(found)
}

none(found, severity) if found[severity] == 0

too_bad := array.slice(severities, position + 1, count(severities)) if {
	some position, severity in ["none", "low", "medium", "high"]
	severity == parameters.maximum
}

severities := ["none", "low", "medium", "high", "critical", "unknown"]

young(_) if not demand.has(parameters, "maxAge")

young(found) if {
	age := now - time.parse_rfc3339_ns(found.scannedAt)
	age <= nanoseconds(parameters.maxAge)

	# A clock may be wrong a little; a scan of tomorrow is none.
	age >= -300000000000
}

now := time.now_ns()

nanoseconds(age) := to_number(trim_right(age, "dh")) * units[substring(age, count(age) - 1, 1)] if {
	regex.match(`^[0-9]{1,5}[dh]$`, age)
}

units := {"d": 86400000000000, "h": 3600000000000}

counts(found) := sprintf("%v critical, %v high, %v medium, %v low, %v unknown; scanned at %v", [
	found.critical, found.high, found.medium, found.low, found.unknown,
	object.get(found, "scannedAt", "an unknown time"),
]) if {
	is_object(found)
} else := "the scan cannot be read"

proofs := demand.proofs(input.review, parameters, answer)

# answer stays null where Gatekeeper leaves the call undefined: denied, not passed.
default answer := null

answer := external_data({"provider": sealgate.provider(parameters), "keys": keys}) if {
	count(keys) > 0
}

keys := sealgate.keys(input.review, parameters)

parameters := object.get(input, "parameters", {})
