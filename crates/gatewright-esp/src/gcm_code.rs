//! Whose AES-GCM is used.

use gatewright_ipsec_mb::{library, Library};

use crate::processor::AesCode;

/// Whose code does AES-GCM.  All give the same octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcmCode {
    /// Intel's Multi-Buffer Crypto library where it is installed and the processor has what it
    /// needs, else as [`Self::Linked`].
    Fastest,
    /// The faster of the linked libraries: ring's where the processor has vector AES, else aws-lc's.
    Linked,
    /// ring's, whatever the processor has.  It has no keys of 192 bits: for these aws-lc's.
    Ring,
    /// aws-lc's.
    AwsLc,
}

/// Whose it is in the end.
pub(crate) enum Choice {
    IpsecMb(&'static Library),
    Ring,
    AwsLc,
}

impl GcmCode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fastest, Self::Linked, Self::Ring, Self::AwsLc];

    /// Whether [`Self::Fastest`] is Intel's library here.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn ipsec_mb() -> Result<(), &'static str> {
        library().map(|_| ())
    }

    pub(crate) fn choose(self) -> Choice {
        match self {
            Self::Fastest => library().map_or_else(|_| Self::Linked.choose(), Choice::IpsecMb),
            Self::Linked if cfg!(target_arch = "x86_64") && AesCode::here() == AesCode::Vector => {
                Choice::Ring
            }
            Self::Ring => Choice::Ring,
            Self::Linked | Self::AwsLc => Choice::AwsLc,
        }
    }
}
