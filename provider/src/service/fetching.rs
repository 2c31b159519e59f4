//! What is asked of registries: once for all who ask, each registry in its turn.

use std::sync::Arc;

use sealgate_core::Reference;
use sealgate_core::evidence::Request;
use tokio::time::Instant;

use super::cache::{EvidenceKey, Fetched, Looked};
use super::decision::NoDecision;
use super::undecided::Undecided;
use super::{Inner, Service};
use crate::collect::{CollectError, Resolved, Wanted};
use crate::observe::metrics::Work;
use crate::question::Question;
use crate::shares::{Crowded, Share};

impl Service {
    /// The image that the reference names: asked for once, then only digests count.
    pub(super) async fn resolve(&self, question: &Question) -> Result<Resolved, NoDecision> {
        let reference = &question.reference;
        if let Some(digest) = reference.digest() {
            return Ok(Resolved::known(reference.clone(), *digest));
        }
        if let Some(looked) = self.0.fresh_tag(reference) {
            return Ok(Resolved::known(reference.clone(), looked.digest));
        }
        let looked = self.0.lookups.join(reference, || {
            let (service, reference) = (self.clone(), reference.clone());
            let namespace = question.request.namespace.clone();
            async move { service.look_up(reference, namespace.as_deref()).await }
        });
        looked.await?
    }

    async fn look_up(
        &self,
        reference: Reference,
        namespace: Option<&str>,
    ) -> Result<Resolved, NoDecision> {
        let inner = &self.0;
        if let Some(looked) = inner.fresh_tag(&reference) {
            return Ok(Resolved::known(reference, looked.digest));
        }
        let host = reference.repository().host();
        let _turn = inner.turn(host, namespace).await?;
        let at = inner.clock.monotonic();
        let deadline = Instant::now() + inner.fetch_timeout;
        let timer = inner.metrics.start(Work::Lookup);
        let resolved = inner.collector.resolve(&reference, deadline).await;
        let resolved = inner.heard(host, resolved)?;
        timer.stop();
        let digest = *resolved.digest();
        inner.tags.insert(reference, Looked { digest, at });
        Ok(resolved)
    }

    /// Fetches evidence from (at least) these places, or joins whoever is fetching.
    pub(super) async fn fetched(
        &self,
        question: &Question,
        key: EvidenceKey,
        image: Resolved,
        places: Wanted,
    ) -> Result<Fetched, NoDecision> {
        loop {
            let fetched = self.0.fetches.join(&key, || {
                let (service, request) = (self.clone(), question.request.clone());
                let (key, image) = (key.clone(), image.clone());
                async move { service.fetch(request, key, image, places).await }
            });
            let fetched = fetched.await??;
            // Who was joined may have looked in fewer places.
            if fetched.places.covers(places) {
                return Ok(fetched);
            }
        }
    }

    async fn fetch(
        &self,
        request: Request,
        key: EvidenceKey,
        image: Resolved,
        places: Wanted,
    ) -> Result<Fetched, NoDecision> {
        let inner = &self.0;
        let known = inner.fresh_evidence(&key, inner.lives.deny);
        if let Some(known) = known.as_ref().filter(|known| known.places.covers(places)) {
            return Ok(known.clone());
        }
        let host = image.reference().repository().host();
        let _turn = inner.turn(host, request.namespace.as_deref()).await?;
        let asked_at = inner.clock.monotonic();
        let deadline = Instant::now() + inner.fetch_timeout;
        let timer = inner.metrics.start(Work::Fetch);
        let collector = &inner.collector;
        let fetched = match known {
            Some(known) => {
                let collected = collector
                    .extend(&known.evidence, known.places, places, deadline)
                    .await;
                let collected = inner.heard(host, collected)?;
                Fetched {
                    evidence: Arc::new(collected.evidence),
                    places: known.places | places,
                    at: known.at,
                    rooms: Arc::new(collected.rooms),
                    doubt: known.doubt.or(collected.doubt),
                }
            }
            None => {
                let collected = collector.collect(&image, request, places, deadline).await;
                let collected = inner.heard(host, collected)?;
                Fetched {
                    evidence: Arc::new(collected.evidence),
                    places,
                    at: asked_at,
                    rooms: Arc::new(collected.rooms),
                    doubt: collected.doubt,
                }
            }
        };
        timer.stop();
        inner.evidence.insert(key, fetched.clone());
        Ok(fetched)
    }
}

impl Inner {
    /// A turn to fetch something from this registry.
    async fn turn(&self, host: &str, namespace: Option<&str>) -> Result<Share, Undecided> {
        let party = self.collector.standing().party(host);
        let party = party.in_namespace(namespace);
        let until = Instant::now() + self.longest_wait;
        let turn = self.turns.take(&party, 1, until).await;
        turn.map_err(|Crowded| Undecided::Overloaded)
    }

    /// Remembers whether a registry answers.
    fn heard<T>(&self, host: &str, found: Result<T, CollectError>) -> Result<T, CollectError> {
        match &found {
            Err(CollectError::Undecided(error)) if error.cause().is_silence() => {
                self.silent.insert(host.to_owned(), ());
            }
            _ => self.silent.invalidate(host),
        }
        found
    }
}
