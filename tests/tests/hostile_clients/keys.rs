//! Keys that are no images, or try to be something else.

use crate::page::Line;
use crate::world::World;

pub(crate) async fn lines(world: &World, image: &str) -> Vec<Line> {
    let long = format!("{image}{}", "a".repeat(900 << 10));
    let keys = [
        ("nothing", String::new()),
        ("900 KiB", long),
        ("a NUL", format!("{image}\0")),
        (
            "an escape sequence of terminals",
            format!("\u{1b}[31m{image}"),
        ),
        (
            "text that runs from right to left",
            format!("\u{202e}{image}"),
        ),
        ("full-width letters", "ｎｇｉｎｘ".to_owned()),
        (
            "a digest of the wrong length",
            format!("{image}@sha256:abc"),
        ),
        (
            "a digest that is a path (ADV-61)",
            "app@sha256:../../x".to_owned(),
        ),
        (
            "a path that leads out",
            "localhost:1/../../etc/passwd".to_owned(),
        ),
        ("a URL", "https://169.254.169.254/latest".to_owned()),
        (
            "a namespace that is none",
            "[Bad_Namespace]nginx".to_owned(),
        ),
        (
            "a policy that there is not",
            format!(r#"{{"image":"{image}","policy":"none"}}"#),
        ),
        (
            "an unknown field",
            format!(r#"{{"image":"{image}","verified":true}}"#),
        ),
    ];
    let mut lines = Vec::new();
    for (name, key) in keys {
        let reply = world.validate(&[&key, image]).await;
        assert_eq!(reply.status.as_u16(), 200, "{name}");
        let error = reply.error(&key).to_owned();
        let code = error.split(':').next().unwrap().to_owned();
        assert!(error.len() < 2000, "{name}");
        assert_eq!(reply.value(image)["verified"], true, "{name}");
        lines.push(Line::new(
            name,
            format!("an error of this key, `{code}`; the others are answered"),
        ));
    }
    let asked = world.registry.requests().len();
    let same = vec![image; 500];
    assert_eq!(world.validate(&same).await.items().len(), 1);
    assert_eq!(world.registry.requests().len(), asked);
    lines.push(Line::new("the same key 500 times", "one item"));
    lines
}
