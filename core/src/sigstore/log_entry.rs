//! What comes with a signature of a log's entry. Nothing of it is verified.

/// An entry of a log, not verified.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    /// The id of the log.
    pub(crate) log_id: Vec<u8>,
    /// The index in the log, over all its shards.
    pub(crate) index: u64,
    /// When the log says it took the entry, in seconds since the epoch.
    pub(crate) integrated_time: Option<i64>,
    /// What the log took, byte for byte.
    pub(crate) body: Vec<u8>,
    /// The log's promise to include it, the signed entry timestamp (SET).
    pub(crate) promise: Option<Vec<u8>>,
    /// The proof that it is included.
    pub(crate) proof: Option<Proof>,
}

/// The proof that an entry is in a log (RFC 6962 section 2.1.1), with the log's checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// The index in the shard.
    pub(crate) index: u64,
    /// How many entries the shard had. Rekor v1 only.
    pub(crate) tree_size: u64,
    /// The root of the shard. Rekor v1 only.
    pub(crate) root_hash: Vec<u8>,
    /// The hashes beside the way from the entry to the root.
    pub(crate) hashes: Vec<[u8; 32]>,
    /// The checkpoint, a signed note.
    pub(crate) checkpoint: String,
}
