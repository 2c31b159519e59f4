# Finds the images that a Kubernetes object would run.
#
# Valid Rego v0 (with these imports) and v1 (which ignores them).
package lib.workload

import future.keywords.if
import future.keywords.in

# uses are the images of an object, each with the place where it is used. What
# stands for an image without being a string is kept, for the caller to refuse.
uses(resource) := in_containers | in_volumes if {
	in_containers := {{"image": field(container, "image"), "place": place(noun, container)} |
		some spec in pod_specs(resource)
		some list, noun in container_lists
		some container in entries(spec, list)
	}
	in_volumes := {{"image": field(source, "reference"), "place": place("image volume", volume)} |
		some spec in pod_specs(resource)
		some volume in entries(spec, "volumes")
		source := field(volume, "image")
		source != null
	}
}

# pod_specs are found by shape rather than by kind: Pod; PodTemplate; Deployment,
# StatefulSet, DaemonSet, ReplicaSet, ReplicationController and Job; CronJob; and
# custom resources that embed a pod template in one of these places.
pod_specs(resource) := {spec |
	some path in [
		["spec"],
		["template", "spec"],
		["spec", "template", "spec"],
		["spec", "jobTemplate", "spec", "template", "spec"],
	]
	spec := object.get(resource, path, null)
	some list, _ in container_lists
	is_array(spec[list])
}

container_lists := {
	"containers": "container",
	"ephemeralContainers": "ephemeralContainer",
	"initContainers": "initContainer",
}

# exempt compares names as they are written. A pattern that ends in `*` matches by
# prefix, but only beyond a `/`: `registry.example.com*` would match
# `registry.example.com.evil.org/app` as well.
exempt(image, patterns) if {
	some pattern in patterns
	pattern == image
}

exempt(image, patterns) if {
	some pattern in patterns
	regex.match(`^[^*/]+/[^*]*[*]$`, pattern)
	startswith(image, trim_suffix(pattern, "*"))
}

# leaving: an object that is being deleted starts nothing new. Whatever has become
# of its images, it can be deleted, and finalizers can be taken off it.
leaving(review) if review.operation == "DELETE"

leaving(review) if {
	review.operation == "UPDATE"
	review.oldObject.metadata.deletionTimestamp != null
	uses(review.object) == uses(review.oldObject)
}

# A list that is not one becomes an entry without an image, and is refused.
entries(spec, list) := value if {
	value := object.get(spec, list, null)
	is_array(value)
} else := [] if {
	object.get(spec, list, null) == null
} else := [null]

field(entry, name) := object.get(entry, name, null) if {
	is_object(entry)
} else := null

place(noun, entry) := sprintf("%s %s", [noun, json.marshal(name)]) if {
	name := field(entry, "name")
	name != null
} else := sprintf("%s without a name", [noun])
