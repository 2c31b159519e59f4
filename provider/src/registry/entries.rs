//! What is kept of lists of referrers: as many as may be looked at, the likely signatures of them.

use std::collections::BTreeSet;

use sealgate_core::Descriptor;
use sealgate_core::{Digest, limits};

use super::likelihood::{Family, Likelihood, likelihood};

/// Entries that are kept which are listed as signatures of one family; of all that are kept at
/// most [`limits::ARTIFACTS`] are looked at.
const MOST_OF_FAMILY: usize = limits::ARTIFACTS;
/// Those that may be signatures.
const MOST_UNCLEAR: usize = limits::ARTIFACTS;
/// Others, so that a verdict can mention them.
pub(super) const MOST_FOREIGN: usize = 64;

/// Bytes that entries take, however many are read.
pub(crate) const MOST_BYTES: usize =
    (Family::COUNT * MOST_OF_FAMILY + MOST_UNCLEAR + MOST_FOREIGN) * 512;

/// What is kept of lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// In the registry's order, each digest once.
    pub(crate) descriptors: Vec<Descriptor>,
    /// Entries that are no descriptors.
    pub(crate) unreadable: usize,
    /// Entries that may be signatures, beyond those that are kept.
    pub(crate) left_out: usize,
    digests: BTreeSet<Digest>,
    signatures: [usize; Family::COUNT],
    unclear: usize,
    foreign: usize,
}

impl Entries {
    /// Adds what is not in it yet, as far as there is room.
    pub(crate) fn add(&mut self, descriptor: Descriptor) {
        if self.digests.contains(&descriptor.digest) {
            return;
        }
        let [bundles, notary, cosign, in_toto] = &mut self.signatures;
        let (kept, most) = match likelihood(&descriptor) {
            Likelihood::Signature(family) => match family {
                Family::Bundle => (bundles, MOST_OF_FAMILY),
                Family::Notary => (notary, MOST_OF_FAMILY),
                Family::Cosign => (cosign, MOST_OF_FAMILY),
                Family::InToto => (in_toto, MOST_OF_FAMILY),
            },
            Likelihood::Unclear => (&mut self.unclear, MOST_UNCLEAR),
            Likelihood::Foreign => (&mut self.foreign, MOST_FOREIGN),
        };
        if *kept >= most {
            // What belongs to somebody else would only have been mentioned.
            self.left_out += usize::from(most != MOST_FOREIGN);
            return;
        }
        *kept += 1;
        self.digests.insert(descriptor.digest);
        self.descriptors.push(descriptor);
    }

    /// Whether something was listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.descriptors.is_empty() && self.unreadable == 0 && self.left_out == 0
    }

    /// Adds the entries of a further page.
    pub(crate) fn extend(&mut self, more: Self) {
        more.descriptors.into_iter().for_each(|one| self.add(one));
        self.unreadable += more.unreadable;
        self.left_out += more.left_out;
    }
}
