//! Identities that nobody has, and those that more people have than was meant.
//!
//! What no certificate can ever meet is a problem. The rest is a warning: it means something, and
//! those who write it mostly mean something else.

use super::expression;
use super::reader::Field;
use super::{Identity, Matcher, Pattern, SubjectType, TrustedIssuer};

/// Issuers that whoever likes may have an account with, and a stranger there.
const PUBLIC: [(&str, &str); 6] = [
    (
        GITHUB,
        "https://github.com/some-stranger/some-repository/.github/workflows/release.yml@refs/tags/v1.0.0",
    ),
    (
        GITHUB,
        "https://github.com/some-stranger/some-repository/.github/workflows/build.yml@refs/heads/main",
    ),
    (
        "https://gitlab.com",
        "https://gitlab.com/some-stranger/some-repository//.gitlab-ci.yml@refs/heads/main",
    ),
    ("https://accounts.google.com", "some.stranger@gmail.com"),
    ("https://github.com/login/oauth", "some.stranger@gmail.com"),
    (
        "https://oauth2.sigstore.dev/auth",
        "some.stranger@gmail.com",
    ),
];

/// The issuer of GitHub's workflows.
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Hosts whose subjects go on with an owner.
const HOSTS: [&str; 2] = ["https://github.com/", "https://gitlab.com/"];

/// Claims of a stranger, as he may have them.
const STRANGERS_CLAIMS: [&str; 3] = [
    "https://github.com/some-stranger/some-repository",
    "https://github.com/some-stranger",
    "some-stranger/some-repository",
];

/// Claims that tell nothing of who it is.
const OF_ANYBODY: [&str; 8] = [
    "buildTrigger",
    "deploymentEnvironment",
    "githubWorkflowName",
    "githubWorkflowRef",
    "githubWorkflowTrigger",
    "runnerEnvironment",
    "sourceRepositoryRef",
    "sourceRepositoryVisibilityAtSigning",
];

/// A matcher, and where it stands.
pub(super) struct Stated<'a> {
    pub(super) field: Field<'a>,
    pub(super) matcher: Matcher,
}

/// An expression that must match a whole text: one that matches none is a problem.
pub(super) fn pattern(field: &Field<'_>) -> Option<Pattern> {
    let pattern = field.checked(Pattern::new)?;
    if expression::matches_nothing(pattern.source()) {
        field.problem("no text can match this expression");
    }
    let (names, escaped) = expression::plain_dots(pattern.source());
    if let Some(name) = names.first() {
        field.warning(format!(
            "in {name:?} the dot stands for any character; for a dot write {escaped:?}"
        ));
    }
    Some(pattern)
}

/// Looks at an identity, and at where its issuer and subject stand.
pub(super) fn check(identity: &Identity, issuer: Option<&Stated<'_>>, subject: &Stated<'_>) {
    if let Some(issuer) = issuer {
        check_issuer(issuer);
        if issuer.matcher.matches("https://some-issuer.invalid") {
            issuer
                .field
                .warning("every issuer matches, whoever runs it; name the one that is meant");
        }
    }
    check_subject(subject, identity);
    if identity
        .claims
        .iter()
        .any(|(name, value)| tells_who(name, value))
    {
        return;
    }
    match stranger(identity) {
        Some((issuer, stranger)) => subject.field.warning(format!(
            "anybody with an account at {issuer} can have such a subject, as {stranger:?}; begin \
             with what is yours, or name it in `claims` (sourceRepositoryOwnerURI)"
        )),
        None => check_owner(subject, identity),
    }
}

fn check_issuer(issuer: &Stated<'_>) {
    let field = &issuer.field;
    match &issuer.matcher {
        Matcher::Exact(text) => {
            let told = |other: &str| format!("found {text:?}; is {other:?} meant?");
            let known = PUBLIC.iter().map(|(known, _)| *known);
            if !is_url(text) {
                field.problem(format!(
                    "expected the URL of an issuer, as certificates name it: {}",
                    told(&format!("https://{text}"))
                ));
            } else if text.contains('*') {
                field.warning(STAR);
            } else if text.starts_with("http://") {
                field.warning(format!(
                    "OpenID Connect's issuers begin with https://, {}",
                    told(&text.replacen("http://", "https://", 1))
                ));
            } else if let Some(known) = text
                .strip_suffix('/')
                .filter(|t| known.clone().any(|k| k == *t))
            {
                field.warning(format!(
                    "this issuer has no slash at its end, and issuers are compared letter by \
                     letter: {}",
                    told(known)
                ));
            }
        }
        Matcher::Pattern(pattern) => {
            let begins = expression::beginnings(pattern.source());
            let no_url = |begin: &expression::Beginning| {
                let schemes = [&b"https://"[..], b"http://"];
                !schemes
                    .iter()
                    .any(|scheme| meets(&begin.bytes, scheme, begin.whole))
            };
            if begins.is_some_and(|all| all.iter().all(no_url)) {
                field.problem(
                    "no issuer can match: the expression must match the whole URL, which begins \
                     with https://",
                );
            }
        }
    }
}

fn is_url(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        let rest = text.strip_prefix(scheme);
        rest.is_some_and(|rest| !rest.is_empty())
    })
}

/// Whether a text that begins like this (or is this, if that is the `whole`) can begin with `other`.
fn meets(begin: &[u8], other: &[u8], whole: bool) -> bool {
    begin.starts_with(other) || (!whole && other.starts_with(begin))
}

const STAR: &str = "`*` has no meaning here, and stands for itself; for a pattern there is the field \
                    of the same name with RegExp";

fn check_subject(subject: &Stated<'_>, identity: &Identity) {
    let field = &subject.field;
    match &subject.matcher {
        Matcher::Exact(text) if text.contains('*') => field.warning(STAR),
        Matcher::Exact(text) if is_github(&identity.issuer) => {
            if !text.contains("/.github/workflows/") || !text.contains('@') {
                field.warning(
                    "GitHub's certificates name a workflow and its ref, as \
                     https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main; for \
                     a whole repository there is the claim sourceRepositoryURI",
                );
            }
        }
        Matcher::Exact(_) => {}
        Matcher::Pattern(pattern) => {
            let begins = expression::beginnings(&expression::plain_dots(pattern.source()).1);
            let no_name = |begin: &expression::Beginning| !may_begin_a_name(begin);
            let any_text = matches!(identity.issuer, TrustedIssuer::Nobody)
                || identity.subject_type == Some(SubjectType::OtherName);
            if !any_text && begins.is_some_and(|all| all.iter().all(no_name)) {
                field.warning(
                    "the expression must match the whole subject, and nothing that it matches \
                     begins as a URI or an email address does; for \"anywhere\" write `.*` before \
                     and after it",
                );
            }
        }
    }
}

fn is_github(issuer: &TrustedIssuer) -> bool {
    matches!(issuer, TrustedIssuer::Oidc(Matcher::Exact(issuer)) if issuer == GITHUB)
}

/// Whether a URI or an email address may begin like this.
fn may_begin_a_name(begin: &expression::Beginning) -> bool {
    let text = String::from_utf8_lossy(&begin.bytes);
    if text.contains("://") || text.contains('@') {
        return true;
    }
    let after_scheme =
        text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c));
    // What comes next may be the rest of a scheme, or an `@`.
    !begin.whole && (!text.contains('/') || "://".starts_with(after_scheme))
}

/// Whether a claim tells a stranger from others.
fn tells_who(name: &str, value: &Matcher) -> bool {
    !OF_ANYBODY.contains(&name) && !STRANGERS_CLAIMS.iter().any(|claim| value.matches(claim))
}

/// A public issuer and a stranger there who has this identity.
fn stranger(identity: &Identity) -> Option<(&'static str, &'static str)> {
    let is_taken = |(issuer, subject): &&(&str, &str)| {
        identity.issuer.matches(Some(issuer)) && identity.subject.matches(subject)
    };
    PUBLIC.iter().find(is_taken).copied()
}

/// An owner whose name does not end may be the beginning of another's.
fn check_owner(subject: &Stated<'_>, identity: &Identity) {
    let Matcher::Pattern(pattern) = &subject.matcher else {
        return;
    };
    let begins = expression::beginnings(&expression::plain_dots(pattern.source()).1);
    for begin in begins.unwrap_or_default() {
        let text = String::from_utf8_lossy(&begin.bytes).into_owned();
        let owner = HOSTS.iter().find_map(|host| text.strip_prefix(host));
        if begin.whole || owner.is_none_or(|owner| owner.is_empty() || owner.contains('/')) {
            continue;
        }
        let another = PUBLIC.iter().filter_map(|(_, stranger)| {
            let (_, rest) = stranger.split_once("some-stranger")?;
            Some(format!("{text}-stranger{rest}"))
        });
        let another = another.chain([format!("{text}-stranger/")]);
        if let Some(another) = another
            .into_iter()
            .find(|another| identity.subject.matches(another))
        {
            subject.field.warning(format!(
                "the owner's name does not end, so that another's may begin like it, as \
                 {another:?}; end it with a slash"
            ));
            return;
        }
    }
}
