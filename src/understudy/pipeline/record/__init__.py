"""From a recorder's journals to episodes: finalizing, recovery, the digest of a take, and the recorder's process."""
