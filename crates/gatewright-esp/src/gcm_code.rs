//! Whose AES-GCM is used.

use gatewright_ipsec_mb::{library, Library};

/// Whose code does AES-GCM.  Both give the same octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcmCode {
    /// Intel's Multi-Buffer Crypto library where it is installed and the processor has what it
    /// needs, else aws-lc.
    Fastest,
    /// aws-lc.
    AwsLc,
}

impl GcmCode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fastest, Self::AwsLc];

    /// Whether [`Self::Fastest`] is Intel's library here.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn ipsec_mb() -> Result<(), &'static str> {
        library().map(|_| ())
    }

    pub(crate) fn library(self) -> Option<&'static Library> {
        match self {
            Self::Fastest => library().ok(),
            Self::AwsLc => None,
        }
    }
}
