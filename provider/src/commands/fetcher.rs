//! Who fetches evidence for the commands.

use sealgate_core::policy::Platforms;
use sealgate_core::{Policies, TrustMaterial, UnixTime};
use tokio::time::Instant;

use super::no_verdict::NoVerdict;
use crate::collect::{CollectError, Collected, Collector, RevocationClient, Wanted};
use crate::question::Question;

/// Fetches evidence.
pub(super) struct Fetcher {
    pub(super) collector: Collector,
    pub(super) revocation: RevocationClient,
    /// Revocation services are asked only about certificates that lead to this.
    pub(super) trust: TrustMaterial,
    pub(super) now: UnixTime,
    /// Whether a policy asks for each platform of an index.
    pub(super) each_platform: bool,
}

impl Fetcher {
    /// The same, as these policies need it: with each platform of an index where one asks for them.
    pub(super) fn for_policies(self, policies: &Policies) -> Self {
        let mut policies = policies.policies.iter();
        let each = policies.any(|policy| policy.platforms() == Platforms::Each);
        self.with_platforms(each)
    }

    /// The same, where wanted with each platform of an index.
    pub(super) fn with_platforms(self, each_platform: bool) -> Self {
        Self {
            each_platform,
            ..self
        }
    }

    /// Fetches the evidence of one image.
    pub(super) async fn fetch(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Collected, NoVerdict> {
        let collected = self.artifacts(question, deadline).await?;
        let evidence = self
            .revocation
            .complete(collected.evidence, &self.trust, self.now, deadline)
            .await;
        Ok(Collected {
            evidence,
            ..collected
        })
    }

    async fn artifacts(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Collected, CollectError> {
        let image = self
            .collector
            .resolve(&question.reference, deadline)
            .await?;
        let request = question.request.clone();
        self.collector
            .collect(
                &image,
                request,
                Wanted::ALL.and_platforms(self.each_platform),
                deadline,
            )
            .await
    }
}
