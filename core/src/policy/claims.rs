//! What Fulcio's certificates say beside issuer and subject.
//!
//! Fulcio, `docs/oid-info.md`.

/// Fulcio's claims by the last number of their OID, but for the issuer (1 and 8). Up to 6
/// they are plain text and deprecated, from 8 on they are DER strings.
pub(crate) const CLAIMS: [(u32, &str); 21] = [
    (2, "githubWorkflowTrigger"),
    (3, "githubWorkflowSha"),
    (4, "githubWorkflowName"),
    (5, "githubWorkflowRepository"),
    (6, "githubWorkflowRef"),
    (9, "buildSignerURI"),
    (10, "buildSignerDigest"),
    (11, "runnerEnvironment"),
    (12, "sourceRepositoryURI"),
    (13, "sourceRepositoryDigest"),
    (14, "sourceRepositoryRef"),
    (15, "sourceRepositoryIdentifier"),
    (16, "sourceRepositoryOwnerURI"),
    (17, "sourceRepositoryOwnerIdentifier"),
    (18, "buildConfigURI"),
    (19, "buildConfigDigest"),
    (20, "buildTrigger"),
    (21, "runInvocationURI"),
    (22, "sourceRepositoryVisibilityAtSigning"),
    (23, "deploymentEnvironment"),
    (24, "tokenSubject"),
];

/// The names of the claims that a policy can ask for.
pub(super) fn claim_names() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().map(|(_, name)| *name)
}
