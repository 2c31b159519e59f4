//! Where the images of an object are: the same places as `rego/lib/workload.rego`.

use serde_json::Value;

/// Pods, and what makes Pods, by group, kind and the place of the Pod's specification.
const KNOWN: [(&str, &str, &[&str]); 9] = [
    ("", "Pod", POD),
    ("", "PodTemplate", TEMPLATE),
    ("", "ReplicationController", CONTROLLER),
    ("apps", "DaemonSet", CONTROLLER),
    ("apps", "Deployment", CONTROLLER),
    ("apps", "ReplicaSet", CONTROLLER),
    ("apps", "StatefulSet", CONTROLLER),
    ("batch", "Job", CONTROLLER),
    ("batch", "CronJob", CRON_JOB),
];

const POD: &[&str] = &["spec"];
const TEMPLATE: &[&str] = &["template", "spec"];
const CONTROLLER: &[&str] = &["spec", "template", "spec"];
const CRON_JOB: &[&str] = &["spec", "jobTemplate", "spec", "template", "spec"];

const CONTAINERS: [(&str, &str); 3] = [
    ("initContainers", "initContainer"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeralContainer"),
];

/// What was found in an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) images: Vec<Image>,
    pub(super) malformed: Vec<Malformed>,
}

/// An image and where it stands: `container "app"`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) image: String,
    pub(super) part: String,
}

/// What stands where an image should, or a list of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// As `spec.containers[0].image`.
    pub(super) field: String,
    pub(super) why: String,
}

/// Whether an object is a Pod or makes Pods, as Kubernetes itself has them.
pub(super) fn is_known(object: &Value) -> bool {
    known_place(object).is_some()
}

fn known_place(object: &Value) -> Option<&'static [&'static str]> {
    let version = object.get("apiVersion")?.as_str()?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kind = object.get("kind")?.as_str()?;
    let mut known = KNOWN.iter();
    known
        .find(|(of, name, _)| *of == group && *name == kind)
        .map(|(.., place)| *place)
}

/// Looks for images: where the kind has them, and wherever a Pod's specification stands in what
/// has a kind of somebody else's.
pub(super) fn look(object: &Value) -> Found {
    let mut found = Found::default();
    let known = known_place(object);
    for place in [POD, TEMPLATE, CONTROLLER, CRON_JOB] {
        let field = place.join(".");
        let mut spec = Some(object);
        for name in place {
            spec = spec.and_then(|value| value.get(name));
        }
        let is_known = known == Some(place);
        let has_list = |spec: &Value| {
            let mut lists = CONTAINERS.iter();
            lists.any(|(list, _)| spec.get(list).is_some_and(Value::is_array))
        };
        match spec {
            Some(spec) if is_known || has_list(spec) => found.pod(spec, &field, is_known),
            None if is_known => {
                found.wrong(&field, "expected the specification of a Pod, found none")
            }
            _ => {}
        }
    }
    found
}

impl Found {
    fn wrong(&mut self, field: &str, why: &str) {
        self.malformed.push(Malformed {
            field: field.to_owned(),
            why: why.to_owned(),
        });
    }

    /// The images of a Pod's specification; one of Kubernetes' own has containers.
    fn pod(&mut self, spec: &Value, field: &str, strict: bool) {
        if !spec.is_object() {
            self.wrong(field, "expected a mapping");
            return;
        }
        for (list, noun) in CONTAINERS {
            let field = format!("{field}.{list}");
            let entries = self.entries(spec, list, &field);
            if strict && list == "containers" && entries.is_empty() {
                self.wrong(&field, "expected at least one container, found none");
            }
            for (index, container) in entries.iter().enumerate() {
                self.image(container, "image", noun, &format!("{field}[{index}]"));
            }
        }
        let field = format!("{field}.volumes");
        for (index, volume) in self.entries(spec, "volumes", &field).iter().enumerate() {
            let field = format!("{field}[{index}]");
            match (volume, volume.get("image")) {
                (Value::Object(_), None | Some(Value::Null)) => {}
                (Value::Object(_), Some(source)) => {
                    let name = volume.get("name");
                    let field = format!("{field}.image");
                    self.named(source, name, "reference", "image volume", &field);
                }
                _ => self.wrong(&field, "expected a mapping"),
            }
        }
    }

    fn entries<'a>(&mut self, spec: &'a Value, list: &str, field: &str) -> &'a [Value] {
        match spec.get(list) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(entries)) => entries,
            Some(_) => {
                self.wrong(field, "expected a list");
                &[]
            }
        }
    }

    fn image(&mut self, entry: &Value, image: &str, noun: &str, field: &str) {
        self.named(entry, entry.get("name"), image, noun, field);
    }

    /// The image that an entry names in the field `image`.
    fn named(&mut self, entry: &Value, name: Option<&Value>, image: &str, noun: &str, field: &str) {
        if !entry.is_object() {
            self.wrong(field, "expected a mapping");
            return;
        }
        match entry.get(image) {
            Some(Value::String(text)) if !text.is_empty() => {
                let part = match name.and_then(Value::as_str) {
                    Some(name) => format!("{noun} {name:?}"),
                    None => format!("{noun} without a name"),
                };
                let image = text.clone();
                self.images.push(Image { image, part });
            }
            _ => self.wrong(&format!("{field}.{image}"), "expected the name of an image"),
        }
    }
}
