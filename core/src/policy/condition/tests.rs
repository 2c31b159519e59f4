#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::budget::Work;
use crate::digest::Digest;
use crate::evidence::{Blob, Request, Subject};
use crate::facts;
use crate::limits;

/// As a verdict asks, after this many of its steps were taken by others.
fn check_after(steps: u64, conditions: &[Condition], predicate: &Value) -> Result<(), Reason> {
    budget::metered(|| {
        for _ in 0..steps / limits::CONDITION_STEPS_EACH {
            let most = limits::CONDITION_STEPS_EACH;
            budget::share(|| budget::charge(Work::ConditionSteps, most).unwrap()).unwrap();
        }
        let rest = steps % limits::CONDITION_STEPS_EACH;
        budget::share(|| budget::charge(Work::ConditionSteps, rest).unwrap()).unwrap();
        budget::share(|| checked(conditions, predicate).met)
            .unwrap_or_else(|exceeded| Err(exceeded.into()))
    })
}

const NOW: i64 = 1_796_126_400; // 2026-12-01T12:00:00Z

fn checked(conditions: &[Condition], predicate: &Value) -> Checked {
    checked_of("https://example.com/scan/v1", conditions, predicate)
}

fn checked_of(predicate_type: &str, conditions: &[Condition], predicate: &Value) -> Checked {
    let digest = Digest::sha256(b"manifest");
    let raw = |value: &Value| serde_json::value::to_raw_value(value).unwrap();
    let subject = Subject {
        reference: "registry.example.com:5000/prod/app:v1".parse().unwrap(),
        media_type: String::new(),
        manifest: Blob::new(*b"manifest"),
    };
    let request = Request {
        namespace: Some("shop".to_owned()),
        ..Request::default()
    };
    let view = View {
        predicate: &raw(predicate),
        predicate_type,
        statement_type: "https://in-toto.io/Statement/v1",
        subject: &raw(&json!([{"name": "app", "digest": {"sha256": digest.hex()}}])),
        signer: r#"{"kind":"keyless","issuer":"https://issuer.example","subject":"ci@acme.example","claims":{"buildTrigger":"push"}}"#,
        excuses: &facts::Excuses::default(),
        others: &Others::new(),
        asked: &Circumstances {
            subject: &subject,
            request: &request,
            now: UnixTime::from_seconds(NOW),
            digest,
        },
    };
    check(conditions, &view)
}

fn holds(source: &str, predicate: &Value) -> Result<(), Reason> {
    check_after(0, &[Condition::new(source).unwrap()], predicate)
}

#[track_caller]
fn code(source: &str, predicate: &Value) -> &'static str {
    match holds(source, predicate) {
        Ok(()) => "true",
        Err(reason) => reason.code.as_str(),
    }
}

#[test]
fn expressions_mean_what_cel_says() {
    let predicate = json!({
        "s": "abc", "n": 3, "neg": -3, "f": 1.5, "t": true, "nothing": null, "big": u64::MAX,
        "l": [1, 2, 3], "words": ["x", "yy"], "empty": [],
        "m": {"a": 1, "b": {"c": [{"d": "deep"}]}}, "o": [{"k": 1}, {"k": 2}],
    });
    for source in [
        "predicate.s == 'abc' && predicate.n == 3 && predicate.neg == -3 && predicate.f == 1.5",
        "predicate.s != 'abd' && predicate.t && predicate.nothing == null && 1 == 1.0",
        "predicate.big == 18446744073709551615u",
        "predicate.l == [1, 2, 3] && [1, 2, 3] == predicate.l && predicate.l != [3, 2, 1]",
        "predicate.m.b == {'c': [{'d': 'deep'}]} && {'c': [{'d': 'deep'}]} == predicate.m.b",
        "predicate.m != {'a': 1} && {'a': 1} != predicate.m && predicate.m != predicate.l",
        "predicate.m.b.c[0].d == 'deep' && predicate['m']['a'] == 1",
        "2 in predicate.l && !(4 in predicate.l) && 'a' in predicate.m && !('z' in predicate.m)",
        "[1] in [[1], [2]] && {'k': 2} in predicate.o && !(1 in predicate.m)",
        "size(predicate.l) == 3 && predicate.m.size() == 2 && size(predicate.s) == 3",
        "has(predicate.m.a) && !has(predicate.m.z) && !has(predicate.m.b.z)",
        "predicate.l.all(x, x > 0) && predicate.l.exists(x, x == 3) && predicate.l.exists_one(x, x == 2)",
        "predicate.empty.all(x, false) && !predicate.empty.exists(x, true)",
        "predicate.l.map(x, x * 2u) == [2, 4, 6] && predicate.l.filter(x, x > 1) == [2, 3]",
        "predicate.l + [4] == [1, 2, 3, 4] && [0] + predicate.l == [0, 1, 2, 3]",
        "predicate.l + predicate.words == [1, 2, 3, 'x', 'yy'] && predicate.s + 'd' == 'abcd'",
        "predicate.o.map(x, x.k) == [1, 2] && predicate.o.filter(x, x.k == 2)[0] == {'k': 2}",
        "predicate.s.startsWith('a') && predicate.s.endsWith('c') && predicate.s.contains('b')",
        "predicate.s.matches('^a.c$') && matches(predicate.s, 'b') && !predicate.s.matches('x')",
        "predicate.s.matches(predicate.words[0]) == false && 'xx'.matches(predicate.words[0])",
        "predicate.m.map(k, k) == ['a', 'b'] && predicate.m.all(k, k != 'z')",
        "{'z': 1, 'a': 2, 'm': 3}.map(k, k) == ['a', 'm', 'z']",
        "predicate.t ? true : predicate.absent",
        // An error beside what decides is none, as CEL has it.
        "predicate.o.exists(x, x.absent == 1 || x.k == 2)",
        "string(predicate.n) == '3' && int(predicate.s.size()) == 3 && type(predicate.l) == list",
        "predicate.nothing == null ? predicate.n % 2u == 1u : false",
    ] {
        assert_eq!(
            code(source, &predicate),
            "true",
            "{source}: {:?}",
            holds(source, &predicate)
        );
    }
    for (source, expected) in [
        ("predicate.n == 4", "condition_failed"),
        ("predicate.absent == 1", "condition_error"),
        ("predicate.n", "condition_error"),
        ("predicate.l", "condition_error"),
        ("predicate.l[7] == 1", "condition_error"),
        ("predicate.l + predicate.m == []", "condition_error"),
        ("[1] + {'a': 1} == []", "condition_error"),
        ("predicate.m + 1 == 2", "condition_error"),
        ("predicate.n / 0u == 1u", "condition_error"),
        ("predicate.n.matches('x')", "condition_error"),
        ("predicate.l.all(x, x.matches('x'))", "condition_error"),
        ("1 in 2", "condition_error"),
    ] {
        assert_eq!(code(source, &predicate), expected, "{source}");
    }
}

#[test]
fn the_same_question_has_one_answer_and_shows_no_values_rt_8() {
    let predicate = json!({
        "m": {"a": "good", "b": "bad", "c": "ugly", "d": "secret-value"},
        "n": {"x": [1, {"y": "secret-value"}]},
    });
    for (source, expected) in [
        ("predicate.m.map(k, predicate.m[k])[0] == 'good'", "true"),
        ("predicate.m.map(k, k) == ['a', 'b', 'c', 'd']", "true"),
        (
            "predicate.m.filter(k, predicate.m[k] != 'good')[0] == 'b'",
            "true",
        ),
        ("predicate.m + 1 == 2", "condition_error"),
        (
            "predicate.m.exists(k, predicate.m[k] > 1)",
            "condition_error",
        ),
        ("predicate.m < predicate.n", "condition_error"),
        ("predicate.m['zz'] == 1", "condition_error"),
        ("predicate.m[predicate.n] == 1", "condition_error"),
        (
            "predicate.m.map(k, predicate.m[k])[9] == 1",
            "condition_error",
        ),
        (
            "{'a': predicate.m, 'b': predicate.n} + 1 == 2",
            "condition_error",
        ),
        ("predicate.m", "condition_error"),
        ("size(predicate.m.d, predicate.m) == 1", "condition_error"),
        ("string(predicate.m) == ''", "condition_error"),
    ] {
        let first = holds(source, &predicate);
        for _ in 0..50 {
            assert_eq!(holds(source, &predicate), first, "{source}");
        }
        assert_eq!(code(source, &predicate), expected, "{source}: {first:?}");
        let shown = format!("{first:?}");
        assert!(!shown.contains("secret-value"), "{shown}");
    }
}

#[test]
fn patterns_are_compiled_when_the_policy_is_read_rt_14() {
    let large = "predicate.s.matches('^(a|b):[\\\\w.-]{1,200}@[\\\\w.-]{1,200}$')";
    for (source, expected) in [
        (large, "cannot be used"),
        ("predicate.s.matches('(')", "cannot be used"),
        ("{'a': predicate.s.matches('(')}.a", "cannot be used"),
        ("{predicate.s.matches('('): 1}[true] == 1", "cannot be used"),
        ("predicate.s.matches()", "takes a text and a pattern"),
        (
            "predicate.s.matches('a', 'b')",
            "takes a text and a pattern",
        ),
    ] {
        let error = Condition::new(source).unwrap_err().to_string();
        assert!(error.contains(expected), "{source}: {error}");
    }
    // Those of the data are bounded, and one that is none is no mere "false".
    let most = limits::FOUND_PATTERN_BYTES;
    for (bytes, expected) in [(most, "condition_failed"), (most + 1, "condition_error")] {
        let found = json!({"s": "b", "p": "a".repeat(bytes)});
        assert_eq!(code("predicate.s.matches(predicate.p)", &found), expected);
    }
    let hostile = json!({"s": "abc", "p": ["x{1,1000}{1,100}", "a".repeat(300), "("]});
    for index in 0..3 {
        for source in [
            format!("predicate.s.matches(predicate.p[{index}])"),
            format!("predicate.s.matches(predicate.p[{index}]) || true"),
            format!("[1, 2].exists(x, x == 2 || predicate.s.matches(predicate.p[{index}]))"),
        ] {
            assert_eq!(code(&source, &hostile), "condition_error", "{source}");
        }
    }
}

#[test]
fn what_a_condition_costs_is_bounded_rt_14() {
    let packages: Vec<_> = (0..20_000)
        .map(|i| json!({"name": format!("package-{i}"), "v": [1, 2, 3]}))
        .collect();
    let predicate = json!({"p": packages, "text": "x".repeat(1 << 20)});
    // An ordinary condition on a large SBOM.
    for source in [
        "predicate.p.all(x, x.name.matches('^package-[0-9]+$'))",
        "!predicate.p.exists(x, x.name == 'log4j')",
        "predicate.p.filter(x, x.name.startsWith('package-1')).size() == 11111",
        "predicate.text.contains('y') == false",
    ] {
        assert_eq!(code(source, &predicate), "true", "{source}");
    }
    let nested = "predicate.p.all(x, !predicate.p.exists(y, x.name == y.name + 'z'))";
    assert_eq!(code(nested, &predicate), "limit_exceeded");
    // All conditions on one attestation together.
    let one = Condition::new("predicate.p.all(x, x.v == [1, 2, 3])").unwrap();
    let some = vec![one.clone(); 5];
    let many = vec![one; 40];
    assert_eq!(check_after(0, &some, &predicate), Ok(()));
    let refused = check_after(0, &many, &predicate).unwrap_err();
    assert_eq!(refused.code, Code::LimitExceeded);
    let words = "steps of conditions that the conditions on one attestation may take";
    assert!(refused.message.contains(words), "{refused}");
}

#[test]
fn whatever_may_cost_much_is_counted_rt_14() {
    const STEPS: u64 = 20_000;
    let packages: Vec<_> = (0..500)
        .map(|i| json!({"name": format!("package-{i}"), "v": [1, 2, 3]}))
        .collect();
    let predicate = json!({"p": packages, "text": "x".repeat(1 << 14)});
    for source in [
        "predicate.p.all(x, !predicate.p.exists(y, x.name == y.name + 'z'))",
        "predicate.p.all(x, predicate == predicate)",
        "predicate.p.all(x, !predicate.text.contains(x.name))",
        "predicate.p.all(x, predicate.text + predicate.text != '')",
        "predicate.p.all(x, predicate.text.matches('^x+$'))",
        "predicate.p.all(x, x.name.matches(x.name))",
        "predicate.p.map(x, x).all(y, predicate.p.map(z, z).size() > 0)",
        "[predicate.p.map(x, x)].all(l, l.all(a, l.all(b, true)))",
        "[predicate.p.map(x, x)].all(l, l.all(a, [l] != [a]))",
        "predicate.p.all(x, predicate.p in [1, 2, predicate.p])",
        "[predicate.text].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).size() == 1",
        "[[1,2,3,4,5,6,7,8,9,0]].all(a, a.all(b, a.all(c, a.all(d, a.all(e, a.all(f, a.all(g, true)))))))",
        // Whatever else would decide.
        "predicate.p.all(x, predicate.p.all(y, true)) || true",
    ] {
        let condition = [Condition::new(source).unwrap()];
        let reason =
            check_after(limits::CONDITION_STEPS - STEPS, &condition, &predicate).unwrap_err();
        assert_eq!(reason.code, Code::LimitExceeded, "{source}: {reason}");
    }
}

/// The fewest steps with which a condition can be evaluated.
fn steps(source: &str, predicate: &Value) -> u64 {
    let condition = [Condition::new(source).unwrap()];
    let suffices = |steps| {
        let others = limits::CONDITION_STEPS - steps;
        let judged = check_after(others, &condition, predicate);
        !judged.is_err_and(|reason| reason.code == Code::LimitExceeded)
    };
    let (mut too_few, mut enough) = (0, 4096);
    assert!(suffices(enough), "{source}");
    while enough - too_few > 1 {
        match suffices((too_few + enough) / 2) {
            true => enough = (too_few + enough) / 2,
            false => too_few = (too_few + enough) / 2,
        }
    }
    enough
}

/// Each costs one at least, so that none is free in a loop; sixteen bytes of text are one more.
#[test]
fn the_steps_of_operations_are_what_they_look_at() {
    let predicate = json!({"n": 3, "l": [1, 2, 3], "none": [], "m": {"a": 1}});
    let long = "x".repeat(160);
    for (source, expected) in [
        ("predicate.n == 3".to_owned(), 1),
        ("predicate.n != 4".to_owned(), 1),
        ("predicate.l == [1, 2, 3]".to_owned(), 4),
        ("predicate.m == {'a': 1}".to_owned(), 2),
        (format!("'{long}' == '{long}'"), 11),
        (format!("b'{long}' == b'{long}'"), 11),
        (format!("'{long}' != 'x'"), 1),
        ("3 in predicate.l".to_owned(), 3),
        ("'a' in predicate.m".to_owned(), 1),
        (format!("!('{long}' in predicate.m)"), 11),
        ("predicate.none.all(x, true)".to_owned(), 2),
        ("predicate.l.all(x, true)".to_owned(), 5),
        (format!("'{long}'.matches('x')"), 11),
    ] {
        assert_eq!(steps(&source, &predicate), expected, "{source}");
    }
}

#[test]
fn what_is_no_key_is_in_no_map_and_what_could_be_one_is_looked_for() {
    let predicate = json!({"m": {"1": 1, "true": 2}});
    for absent in ["1", "1u", "-1", "1.5", "true", "'z'"] {
        assert_eq!(
            code(&format!("{absent} in predicate.m"), &predicate),
            "condition_failed"
        );
    }
    for never in ["[1]", "null", "{}", "b'1'", "predicate.m"] {
        assert_eq!(
            code(&format!("{never} in predicate.m"), &predicate),
            "condition_error"
        );
    }
}

/// What stands before the dot of such a function is a part of its name.
#[test]
fn functions_of_optional_values_are_found() {
    let predicate = json!({"l": [1], "none": [], "m": {"a": 1}, "empty": {}, "n": 3});
    for source in [
        "optional.of(predicate.n).hasValue()",
        "optional.of(predicate.n).value() == 3",
        "optional.ofNonZeroValue(predicate.l).hasValue()",
        "optional.ofNonZeroValue(predicate.m).hasValue()",
        "!optional.ofNonZeroValue(predicate.none).hasValue()",
        "!optional.ofNonZeroValue(predicate.empty).hasValue()",
    ] {
        assert_eq!(
            code(source, &predicate),
            "true",
            "{source}: {:?}",
            holds(source, &predicate)
        );
    }
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    let predicate = json!({"n": 3, "l": [1], "m": {"a": 1}, "most": i64::MAX});
    for (source, why) in [
        (
            "predicate.absent == 1",
            "a field or key that it asks for is absent",
        ),
        (
            "predicate.l[7] == 1",
            "a list has no element at an index that it asks for",
        ),
        ("predicate.n / 0u == 1u", "it divides by zero"),
        ("predicate.n % 0u == 1u", "it divides by zero"),
        (
            "-9223372036854775807 - predicate.l.size() - 1 < 0",
            "a number grows beyond what it can hold",
        ),
        ("{'a': 1, 'a': 2} == {}", "a map has a key twice"),
        (
            "predicate.n",
            "expected true or false, found a value of type",
        ),
    ] {
        let reason = holds(source, &predicate).unwrap_err();
        assert_eq!(reason.code, Code::ConditionError, "{source}: {reason}");
        assert!(reason.message.contains(why), "{source}: {reason}");
    }
}

#[test]
fn what_is_false_says_what_it_found() {
    let predicate = json!({
        "runDetails": {"builder": {"id": "https://github.com/acm/builder"}},
        "n": 3, "neg": -3, "f": 1.5, "t": false, "nothing": null, "l": [1, 2], "m": {"a-b": "x"},
        "materials": [{"uri": "git+https://example.com/app"}],
        "long": "é".repeat(81), "fits": "é".repeat(80),
        "hostile": "a\u{202e}\n\u{1b}[31m\"",
    });
    let long = "é".repeat(80);
    for (condition, found) in [
        (
            "predicate.runDetails.builder.id.startsWith('https://github.com/acme/')",
            ": predicate.runDetails.builder.id is \"https://github.com/acm/builder\"",
        ),
        ("predicate.n == 4", ": predicate.n is 3"),
        ("3 > predicate.n", ": predicate.n is 3"),
        ("!(predicate.neg < 0)", ": predicate.neg is -3"),
        ("predicate.f == 2.5", ": predicate.f is 1.5"),
        ("predicate.t", ": predicate.t is false"),
        ("predicate.nothing == 'x'", ": predicate.nothing is null"),
        (
            "size(predicate.l) == 7",
            ": predicate.l is a list of 2 element(s)",
        ),
        (
            "predicate.l.exists(x, x == 7)",
            ": predicate.l is a list of 2 element(s)",
        ),
        ("'z' in predicate.m", ": predicate.m is a map of 1 key(s)"),
        ("'z' in predicate", ": predicate is a map of 12 key(s)"),
        (
            "predicate.m['a-b'] == 'y'",
            ": predicate.m[\"a-b\"] is \"x\"",
        ),
        (
            "predicate.materials[0].uri.matches('^https:')",
            ": predicate.materials[0].uri is \"git+https://example.com/app\"",
        ),
        ("has(predicate.m.z)", ": predicate.m.z is absent"),
        ("!has(predicate.n)", ": predicate.n is 3"),
        // What decided, and not what was read beside it.
        (
            "predicate.n == 3 && predicate.f == 2.5",
            ": predicate.f is 1.5",
        ),
        (
            "(predicate.n == 4 && predicate.t) && predicate.f == 2.5",
            ": predicate.n is 3",
        ),
        (
            "predicate.absent == 1 && predicate.n == 4",
            ": predicate.n is 3",
        ),
        (
            "predicate.n == 4 || predicate.t",
            ": predicate.n is 3, predicate.t is false",
        ),
        (
            "predicate.n == 1 || predicate.n == 2 || predicate.f == 3.0 || predicate.t || predicate.neg == 0",
            ": predicate.n is 3, predicate.f is 1.5, predicate.t is false, …",
        ),
        (
            "predicate.l[predicate.l[0]] == 7",
            ": predicate.l is a list of 2 element(s), predicate.l[0] is 1",
        ),
        (
            "predicate.l.exists(x, x > 7 && predicate.n == x)",
            ": predicate.l is a list of 2 element(s), predicate.n is 3",
        ),
        // Another variable of that name.
        (
            "predicate.materials.all(predicate, predicate.uri == 'x')",
            ": predicate.materials is a list of 1 element(s)",
        ),
        ("false", ""),
        ("1 == 2", ""),
        (
            "predicate.fits == ''",
            &format!(": predicate.fits is \"{long}\""),
        ),
        (
            "predicate.long == ''",
            &format!(": predicate.long is \"{long}\"…"),
        ),
        (
            "predicate.hostile == ''",
            r#": predicate.hostile is "a\u{202e}\n\u{1b}[31m\"""#,
        ),
    ] {
        let expected = format!("the condition {condition:?} is false{found}");
        let expected = Err(Reason::new(Code::ConditionFailed, expected));
        assert_eq!(holds(condition, &predicate), expected);
    }
}

/// The beginning of a long condition stands before what it found.
#[test]
fn what_was_found_is_said_of_long_conditions() {
    let tried: Vec<_> = (0..60).map(|i| format!("predicate.a == {i}")).collect();
    let reason = holds(&tried.join(" || "), &json!({"a": 99})).unwrap_err();
    assert_eq!(reason.code, Code::ConditionFailed, "{reason}");
    assert!(
        reason.message.ends_with("\"… is false: predicate.a is 99"),
        "{reason}"
    );
    assert!(reason.message.len() < 600, "{reason}");
}

/// To say what was found costs steps, too.
#[test]
fn what_was_found_is_within_the_budget() {
    let condition = [Condition::new("predicate.a.b == 'x'").unwrap()];
    let predicate = json!({"a": {"b": "y".repeat(160)}});
    // One to compare; one for each field and the path, and ten for the text.
    for (steps, code) in [(13, Code::LimitExceeded), (14, Code::ConditionFailed)] {
        let others = limits::CONDITION_STEPS - steps;
        let reason = check_after(others, &condition, &predicate).unwrap_err();
        assert_eq!(reason.code, code, "{reason}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_when_the_policy_is_read() {
    for (source, why) in [
        (
            "predicat.n == 1",
            "there is no variable \"predicat\"; there are predicate, statement, signer, image, facts, now, attestations",
        ),
        ("predicat.s.startsWith('a')", "no variable \"predicat\""),
        ("predicat.s.matches('a')", "no variable \"predicat\""),
        ("predicate.l.all(x, y == 1)", "no variable \"y\""),
        ("predicate.l.all(x, true) && x == 1", "no variable \"x\""),
        ("has(signers.subject)", "no variable \"signers\""),
        ("{'a': b} == {}", "no variable \"b\""),
        ("[a] == []", "no variable \"a\""),
        (
            "predicate.s.startWith('a')",
            "there is no function \"startWith\"; there are all, bytes",
        ),
        ("now() == 1", "no function \"now\""),
        ("predicate.l.al(x, true)", "no variable \"x\""),
        ("timestamp('yesterday') < now", "an RFC 3339 time such as"),
        ("now - now < duration('7d')", "a span of time such as 168h"),
        (
            "duration() < duration('1h')",
            "duration is called as a function",
        ),
        ("'a'.timestamp() < now", "timestamp is called as a function"),
        (
            "lowerAscii('A') == 'a'",
            "lowerAscii is called behind the dot",
        ),
        ("'a'.replace('a') == ''", "with 2 to 3 argument(s)"),
        (
            "signer.issuerr == ''",
            "no signer.issuerr; the fields of signer are annotations",
        ),
        ("image['names'] == ''", "no image.names"),
        ("has(statement.type)", "no statement.type"),
        ("now.year == 1", "no now.year; the fields of now are none"),
        ("now", "found one that is a time"),
        ("facts", "found one that is a map"),
        ("statement", "found one that is a map"),
        ("signer", "found one that is a map"),
        ("predicate.t && image", "found one that is a map"),
        ("attestations.scan", "found one that is a map"),
        ("attestations.scan.facts", "found one that is a map"),
        ("attestations.scan.signer", "found one that is a map"),
        (
            "attestations.scan.predicateType",
            "found one that is a text",
        ),
        (
            "attestations",
            "expected the name of a rule after attestations",
        ),
        ("now - now", "found one that is a difference"),
        ("predicate.s.trim()", "found one that is a text"),
        ("1 + 1", "found one that is a sum"),
        ("'true'", "found one that is a text"),
        ("null", "found one that is null"),
        ("[true]", "found one that is a list"),
        ("{'a': true}", "found one that is a map"),
        ("predicate.l.map(x, x)", "found one that is a list"),
        ("size(predicate.l)", "found one that is a number"),
        ("predicate.s.size()", "found one that is a number"),
        ("-1", "found one that is a number"),
        ("predicate.t && 'true'", "found one that is a text"),
        ("!string(predicate.t)", "found one that is a text"),
        ("predicate.t ? true : 0", "found one that is a number"),
    ] {
        let error = Condition::new(source).unwrap_err().to_string();
        assert!(error.contains(why), "{source}: {error}");
    }
}

/// A condition by itself does not say which rules there are, and what they attest may be true.
#[test]
fn what_may_be_true_or_false_is_taken() {
    for source in [
        "predicate",
        "predicate.t",
        "statement.predicate",
        "has(attestations.scan)",
        "attestations.scan.predicate",
        "attestations.scan.predicate.t",
        "attestations.scan.facts.t",
        "[1].all(attestations, attestations > 0)",
        "[{'x': 1}].all(attestations, attestations.x == 1)",
    ] {
        assert!(Condition::new(source).is_ok(), "{source}");
    }
}

/// What the message offers is there.
#[test]
fn every_function_that_is_offered_is_there() {
    let error = Condition::new("predicate.none()").unwrap_err().to_string();
    let (_, offered) = error.split_once("; there are ").unwrap();
    for name in offered.split(", ") {
        let source = match name {
            "all" | "exists" | "exists_one" | "filter" | "map" => {
                format!("predicate.l.{name}(x, true) == 1")
            }
            "has" => "has(predicate.x)".to_owned(),
            "charAt" | "indexOf" | "lastIndexOf" | "split" | "substring" => {
                format!("predicate.s.{name}('a') == predicate.x")
            }
            "join" | "lowerAscii" | "trim" | "upperAscii" => {
                format!("predicate.s.{name}() == predicate.x")
            }
            "replace" => "predicate.s.replace('a', 'b') == predicate.x".to_owned(),
            "contains" | "endsWith" | "startsWith" | "matches" => {
                format!("predicate.s.{name}('a')")
            }
            _ => format!("{name}(predicate.x) == 1"),
        };
        assert!(Condition::new(&source).is_ok(), "{source}");
    }
    assert!(offered.split(", ").count() > 10);
}

#[test]
fn expressions_are_bounded_in_size_and_depth() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    let chained = |n: usize| format!("predicate{} == 1", ".a".repeat(n));
    for source in [
        format!("1 == {}", vec!["1"; 2000].join("+")),
        chained(1500),
        nested(1500),
        "x".repeat(5000),
        String::new(),
        " ".to_owned(),
        "predicate..x".to_owned(),
        "@meter == 1".to_owned(),
        "@keep(predicate)".to_owned(),
    ] {
        assert!(Condition::new(&source).is_err(), "{:.60}", source);
    }
    assert_eq!(code(&nested(20), &json!({})), "true");
    assert_eq!(code(&chained(90), &json!({})), "condition_error");
    let all: Vec<_> = (0..60).map(|i| format!("predicate.a != {i}")).collect();
    assert_eq!(code(&all.join(" && "), &json!({"a": 99})), "true");
}

/// Each variable has what the question, the statement and its signer have.
#[test]
fn conditions_see_the_statement_its_signer_the_image_and_the_time() {
    let predicate = json!({"n": 3});
    for source in [
        "statement.predicateType == 'https://example.com/scan/v1' && statement.predicate.n == 3",
        "statement._type == 'https://in-toto.io/Statement/v1' && statement.subject[0].name == 'app'",
        "statement.subject.all(s, 'sha256:' + s.digest.sha256 == image.digest)",
        "image.registry == 'registry.example.com:5000' && image.repository == 'prod/app'",
        "image.tag == 'v1' && image['namespace'] == 'shop' && image.size() == 5",
        "signer.kind == 'keyless' && signer.claims.buildTrigger == 'push' && !has(signer.key)",
        "signer.subject.endsWith('@acme.example') && has(signer.issuer)",
        "now == timestamp('2026-12-01T13:00:00+01:00') && now > timestamp('2026-01-01T00:00:00Z')",
        // What a comprehension calls so is its own.
        "[1, 2].all(now, now > 0) && [{'x': 1}].all(image, image.x == 1)",
    ] {
        assert_eq!(
            code(source, &predicate),
            "true",
            "{source}: {:?}",
            holds(source, &predicate)
        );
    }
    let told = holds("now < timestamp('2026-12-01T11:59:59Z')", &predicate).unwrap_err();
    assert!(
        told.message
            .ends_with("is false: now is 2026-12-01T12:00:00Z"),
        "{told}"
    );
}

#[test]
fn texts_and_times_have_the_functions_that_kubernetes_has() {
    let predicate = json!({
        "t": "2026-11-30T12:00:00.5Z", "d": "24h", "bad": "yesterday", "l": ["a", "b"], "s": "é-É ß",
    });
    for source in [
        "'aBc'.lowerAscii() == 'abc' && 'aBc'.upperAscii() == 'ABC' && predicate.s.lowerAscii() == 'é-É ß'",
        "' a b '.trim() == 'a b' && 'abc'.charAt(1) == 'b' && 'abc'.charAt(3) == ''",
        "predicate.s.indexOf('É') == 2 && predicate.s.indexOf('x') == -1 && 'aba'.indexOf('a', 1) == 2",
        "'aba'.lastIndexOf('a') == 2 && 'é'.lastIndexOf('x') == -1",
        "'a.b.c'.split('.') == ['a', 'b', 'c'] && 'a.b.c'.split('.', 2) == ['a', 'b.c']",
        "'éa'.split('') == ['é', 'a'] && 'a'.split('.', 0) == [] && ''.split('.') == ['']",
        "predicate.l.join('/') == 'a/b' && ['x'].join() == 'x' && [].join('-') == ''",
        "'aab'.replace('a', 'xy') == 'xyxyb' && 'aab'.replace('a', '', 1) == 'ab'",
        "'ab'.replace('', '.') == '.a.b.' && 'aab'.replace('a', 'x', -1) == 'xxb'",
        "predicate.s.substring(2) == 'É ß' && predicate.s.substring(2, 3) == 'É' && 'a'.substring(1) == ''",
        "now - timestamp(predicate.t) < duration(predicate.d)",
        "timestamp(predicate.t) + duration('12h') < now && now - duration('1h') < now",
        "timestamp(timestamp(predicate.t)) == timestamp('2026-11-30T12:00:00.500Z')",
        "duration('90m') == duration('1h30m') && duration('1h') - duration('2h') < duration('0')",
        "duration('1h') + timestamp(predicate.t) > timestamp(predicate.t)",
        "now != 1 && !(now == duration('1h')) && now in [timestamp('2026-12-01T12:00:00Z')]",
    ] {
        assert_eq!(
            code(source, &predicate),
            "true",
            "{source}: {:?}",
            holds(source, &predicate)
        );
    }
    for (source, why) in [
        (
            "timestamp(predicate.bad) < now",
            "a text that is read as a time is none",
        ),
        (
            "duration(predicate.bad) == duration('1h')",
            "as a span of time is none",
        ),
        (
            "predicate.s.substring(9) == ''",
            "a text has no such position as it asks for",
        ),
        (
            "predicate.s.substring(2, 1) == ''",
            "a text has no such position as it asks for",
        ),
        (
            "predicate.s.charAt(-1) == ''",
            "a text has no such position as it asks for",
        ),
        (
            "predicate.l.trim() == ''",
            "of a type that an operation does not take",
        ),
        (
            "now + now > now",
            "of a type that an operation does not take",
        ),
        ("now < 1", "cannot be evaluated"),
        ("now < duration('1h')", "cannot be evaluated"),
        ("string(now) == ''", "cannot be evaluated"),
        ("int(now) == 1", "cannot be evaluated"),
        (
            "duration('1h') * 2 == duration('2h')",
            "cannot be evaluated",
        ),
    ] {
        let reason = holds(source, &predicate).unwrap_err();
        assert_eq!(reason.code, Code::ConditionError, "{source}: {reason}");
        assert!(reason.message.contains(why), "{source}: {reason}");
    }
}

/// An answer holds until the first comparison with a time that moves comes out otherwise.
#[test]
fn answers_that_depend_on_the_time_end() {
    let judge = |source: &str| {
        let condition = [Condition::new(source).unwrap()];
        let checked = checked(&condition, &json!({"t": "2026-12-01T11:00:00Z"}));
        (
            checked.met.is_ok(),
            checked.until.map(|until| until.seconds() - NOW),
        )
    };
    for (source, met, until) in [
        // True until the span is over, exclusively or inclusively: the answer may end too early,
        // never too late.
        (
            "now - timestamp(predicate.t) < duration('2h')",
            true,
            Some(3599),
        ),
        (
            "now - timestamp(predicate.t) <= duration('2h')",
            true,
            Some(3599),
        ),
        ("now < timestamp('2026-12-01T12:00:00.5Z')", true, Some(0)),
        ("now <= timestamp('2026-12-01T12:00:00Z')", true, Some(0)),
        (
            "timestamp(predicate.t) + duration('2h') > now",
            true,
            Some(3599),
        ),
        (
            "timestamp(predicate.t) - now > duration('-61m')",
            true,
            Some(59),
        ),
        // False, and later true.
        ("now > timestamp('2026-12-01T12:00:10Z')", false, Some(9)),
        ("now == timestamp('2026-12-01T12:00:10Z')", false, Some(9)),
        ("now in [timestamp('2026-12-01T12:00:10Z')]", false, Some(9)),
        (
            "{'a': now} == {'a': timestamp('2026-12-01T12:00:10Z')}",
            false,
            Some(9),
        ),
        // The first of several.
        (
            "now < timestamp('2026-12-01T12:00:20Z') && now < timestamp('2026-12-01T12:00:10Z')",
            true,
            Some(9),
        ),
        // For ever.
        ("now > timestamp(predicate.t)", true, None),
        ("now - now < duration('1h')", true, None),
        (
            "timestamp(predicate.t) < timestamp('2026-12-01T12:00:10Z')",
            true,
            None,
        ),
        ("true", true, None),
    ] {
        assert_eq!(judge(source), (met, until), "{source}");
    }
}

/// What a text is made of may be small, and what is made of it large.
#[test]
fn what_functions_make_is_counted_before_it_is_made() {
    let predicate = json!({"text": "x".repeat(1 << 20), "l": vec!["x"; 1 << 16]});
    for source in [
        "predicate.text.replace('', predicate.text) == ''",
        "predicate.text.replace('x', predicate.text) == ''",
        "predicate.l.join(predicate.text) == ''",
        "[1, 2, 3].all(x, predicate.text.split('').size() > 0)",
    ] {
        assert_eq!(code(source, &predicate), "limit_exceeded", "{source}");
    }
    assert_eq!(
        code(
            "predicate.text.indexOf(predicate.text + 'y') == -1",
            &predicate
        ),
        "true"
    );
}

/// What a predicate lacks is no fact, and no proof.
#[test]
fn facts_are_those_of_the_predicate_and_no_more() {
    let judge = |source: &str, predicate: &Value| {
        let condition = [Condition::new(source).unwrap()];
        let scan = "https://cosign.sigstore.dev/attestation/vuln/v1";
        match checked_of(scan, &condition, predicate).met {
            Ok(()) => "true",
            Err(reason) => reason.code.as_str(),
        }
    };
    let scan = |result: Value| {
        let metadata = json!({"scanFinishedOn": "2026-12-01T11:00:00Z"});
        json!({"scanner": {"result": result}, "metadata": metadata})
    };
    let good = scan(
        json!({"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "HIGH"},
        ]}]}),
    );
    for source in [
        "facts.vulnerabilities.critical == 0 && facts.vulnerabilities.high < 2",
        "facts.vulnerabilities.ids == ['CVE-1'] && 'CVE-1' in facts.vulnerabilities.ids",
        "now - timestamp(facts.vulnerabilities.scannedAt) < duration('168h')",
        "facts.vulnerabilities.critical + facts.vulnerabilities.high == 1",
    ] {
        assert_eq!(judge(source, &good), "true", "{source}");
    }
    assert_eq!(
        judge("facts.vulnerabilities.high == 0", &good),
        "condition_failed"
    );
    for malformed in [
        scan(json!({"Results": []})),
        json!(null),
        json!({"critical": 0}),
    ] {
        let source = "facts.vulnerabilities.critical == 0";
        assert_eq!(judge(source, &malformed), "condition_error", "{malformed}");
        assert_eq!(
            judge("has(facts.vulnerabilities)", &malformed),
            "condition_failed"
        );
    }
}
