package lib.workload_test

import data.lib.workload
import future.keywords.contains
import future.keywords.if
import future.keywords.in

spec := {
	"containers": [{"name": "a", "image": "app"}],
	"initContainers": [{"name": "b", "image": "init"}],
	"ephemeralContainers": [{"name": "c", "image": "debug"}],
	"volumes": [
		{"name": "d", "image": {"reference": "models"}},
		{"name": "e", "emptyDir": {}},
	],
}

used := {
	{"image": "app", "place": `container "a"`},
	{"image": "init", "place": `initContainer "b"`},
	{"image": "debug", "place": `ephemeralContainer "c"`},
	{"image": "models", "place": `image volume "d"`},
}

test_every_way_to_embed_a_pod_is_read if {
	workload.uses({"spec": spec}) == used
	workload.uses({"template": {"spec": spec}}) == used
	workload.uses({"spec": {"template": {"spec": spec}}}) == used
	workload.uses({"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}) == used
}

test_no_pod_specification if {
	workload.pod_specs({"spec": {"replicas": 3}}) == set()
	workload.pod_specs({"spec": null}) == set()
	workload.pod_specs(null) == set()
}

test_what_is_no_image_stays_in_sight if {
	images([{"name": "a"}]) == {null}
	images([{"name": "a", "image": null}]) == {null}
	images([{"name": "a", "image": 7}]) == {7}
	images([null]) == {null}
	images([]) == set()
	workload.uses({"spec": {"containers": [], "initContainers": {"x": 1}}}) == {{"image": null, "place": "initContainer without a name"}}
	workload.uses({"spec": {"containers": [], "volumes": [{"name": "v", "image": {}}]}}) == {{"image": null, "place": `image volume "v"`}}
}

images(containers) := {use.image | some use in workload.uses({"spec": {"containers": containers}})}

test_exempt_is_exact_or_a_prefix_beyond_the_registry if {
	workload.exempt("nginx", ["nginx"])
	workload.exempt("registry.example.com/base/os:1", ["registry.example.com/base/*"])
	workload.exempt("registry.example.com/base/os:1", ["registry.example.com/base/os:*"])
}

test_exempt_patterns_that_would_match_other_registries_do_not_match if {
	not workload.exempt("nginx", ["nginx:1", "ngin", "*", "", "n*", "nginx*"])
	not workload.exempt("registry.example.com.evil.org/app", ["registry.example.com*", "registry.example.com"])
	not workload.exempt("nginx:5000/evil/app", ["nginx:*"])
	not workload.exempt("a/b", ["*/b", "*/*", "a/*b*"])
	not workload.exempt("a/b", [])
}
