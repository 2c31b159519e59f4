//! Inclusion proofs: that a leaf is in the tree of a root (RFC 9162 section 2.1.3).

use std::iter::successors;

use crate::crypto::sha256;

/// A hash in a log's tree.
pub(super) type TreeHash = [u8; 32];

/// The hash of an entry (RFC 9162 section 2.1.1).
pub(super) fn leaf_hash(entry: &[u8]) -> TreeHash {
    sha256(&[&[0], entry].concat())
}

/// Whether the leaf number `index` of the tree of `size` leaves with this root is `leaf`.
///
/// `path` has the siblings of the way up, from below. Not checked: who vouches for the root.
pub(super) fn verify(
    leaf: TreeHash,
    index: u64,
    size: u64,
    path: &[TreeHash],
    root: &TreeHash,
) -> Result<(), InclusionError> {
    if index >= size {
        return Err(InclusionError::OutsideTree { index, size });
    }
    let expected = siblings(index, size).count();
    if path.len() != expected {
        return Err(InclusionError::Length {
            expected,
            found: path.len(),
        });
    }
    let way = siblings(index, size).zip(path);
    let computed = way.fold(leaf, |hash, (side, sibling)| match side {
        Side::Left => node_hash(sibling, &hash),
        Side::Right => node_hash(&hash, sibling),
    });
    match computed == *root {
        true => Ok(()),
        false => Err(InclusionError::Root {
            expected: *root,
            computed,
        }),
    }
}

/// Where a sibling stands.
enum Side {
    Left,
    Right,
}

/// The sides of the siblings on the way up from a leaf of a tree that has it. On a level whose
/// last node is the way's own there may be none: the node stands for itself one level above.
fn siblings(index: u64, size: u64) -> impl Iterator<Item = Side> {
    let start = (index, size.saturating_sub(1));
    successors(Some(start), |(node, last)| Some((node >> 1, last >> 1)))
        .take_while(|(_, last)| *last > 0)
        .filter_map(|(node, last)| match (node & 1 == 1, node < last) {
            (true, _) => Some(Side::Left),
            (false, true) => Some(Side::Right),
            (false, false) => None,
        })
}

fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    sha256(&[&[1], left.as_slice(), right].concat())
}

/// Why a proof does not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InclusionError {
    /// There is no such leaf.
    #[error("leaf index {index} is outside a tree of size {size}")]
    OutsideTree { index: u64, size: u64 },
    /// The way up from this leaf has another length.
    #[error("expected {expected} proof hashes, got {found}")]
    Length { expected: usize, found: usize },
    /// It leads elsewhere.
    #[error("root hash mismatch: expected {}, computed {}", hex::encode(.expected), hex::encode(.computed))]
    Root {
        expected: TreeHash,
        computed: TreeHash,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use sigstore_types::Sha256Hash;

    use super::*;

    /// `k`: the largest power of two below `n` (RFC 9162 section 2.1.1).
    fn split(n: usize) -> usize {
        n.next_power_of_two() / 2
    }

    /// `MTH` of RFC 9162 section 2.1.1.
    fn root_of(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&root_of(left), &root_of(right))
            }
        }
    }

    /// `PATH` of RFC 9162 section 2.1.3.1.
    fn path_of(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut path, beside) = match index < k {
            true => (path_of(index, left), root_of(right)),
            false => (path_of(index - k, right), root_of(left)),
        };
        path.push(beside);
        path
    }

    fn leaves(count: u8) -> Vec<TreeHash> {
        (0..count).map(|i| leaf_hash(&[i])).collect()
    }

    /// What `sigstore-merkle` says.
    fn oracle(leaf: TreeHash, at: u64, size: u64, path: &[TreeHash], root: &TreeHash) -> bool {
        let path: Vec<_> = path.iter().copied().map(Sha256Hash::new).collect();
        let (leaf, root) = (Sha256Hash::new(leaf), Sha256Hash::new(*root));
        sigstore_merkle::verify_inclusion_proof(&leaf, at, size, &path, &root).is_ok()
    }

    /// Asks both.
    fn holds(leaf: TreeHash, at: u64, size: u64, path: &[TreeHash], root: &TreeHash) -> bool {
        let found = verify(leaf, at, size, path, root).is_ok();
        assert_eq!(found, oracle(leaf, at, size, path, root), "{at} of {size}");
        found
    }

    /// RFC 9162 section 2.1.5: a tree of seven leaves, and the proofs of four of them.
    #[test]
    fn the_standards_example_verifies() {
        let d = leaves(7);
        let [a, b, c, e, f, j] = [0, 1, 2, 4, 5, 6].map(|i| d[i]);
        let g = node_hash(&a, &b);
        let h = node_hash(&c, &d[3]);
        let i = node_hash(&e, &f);
        let k = node_hash(&g, &h);
        let l = node_hash(&i, &j);
        let root = node_hash(&k, &l);
        assert!(holds(d[0], 0, 7, &[b, h, l], &root));
        assert!(holds(d[3], 3, 7, &[c, g, l], &root));
        assert!(holds(d[4], 4, 7, &[f, j, k], &root));
        assert!(holds(d[6], 6, 7, &[i, k], &root));
    }

    /// The hash of an empty entry, known from every implementation of RFC 6962.
    #[test]
    fn leaves_are_hashed_apart_from_nodes() {
        assert_eq!(
            hex::encode(leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_where_it_is_and_nowhere_else() {
        for size in 1..=40_u8 {
            let leaves = leaves(size);
            let root = root_of(&leaves);
            let size = u64::from(size);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path_of(index, &leaves);
                for at in 0..=size {
                    let right = at == index as u64;
                    assert_eq!(holds(*leaf, at, size, &path, &root), right);
                }
                assert!(!holds(*leaf, index as u64, size, &path, &[0; 32]));
                let mut longer = path.clone();
                longer.push([0; 32]);
                assert!(!holds(*leaf, index as u64, size, &longer, &root));
                for cut in 0..path.len() {
                    let mut altered = path.clone();
                    altered[cut][0] ^= 1;
                    assert!(!holds(*leaf, index as u64, size, &altered, &root));
                    assert!(!holds(*leaf, index as u64, size, &path[..cut], &root));
                }
            }
        }
    }

    #[test]
    fn the_largest_trees_do_not_overflow() {
        let path = [[7; 32]; 64];
        for (index, size) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (0, 0), (1, 1)] {
            assert!(!holds([1; 32], index, size, &path, &[0; 32]));
        }
        let outside = verify([1; 32], 0, 0, &[], &[1; 32]);
        assert_eq!(
            outside,
            Err(InclusionError::OutsideTree { index: 0, size: 0 })
        );
    }
}
