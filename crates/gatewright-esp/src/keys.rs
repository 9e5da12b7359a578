//! The keys of one direction of an SA.

use core::fmt;

use zeroize::Zeroizing;

/// Key material of one SA: `encryption` is the key and then the salt (RFC 4106 section 8.1),
/// `integrity` is empty with an AEAD.
///
/// The octets are wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct EspKeys {
    encryption: Zeroizing<Vec<u8>>,
    integrity: Zeroizing<Vec<u8>>,
}

impl EspKeys {
    /// Copies the octets into storage that is wiped on drop; the caller wipes its own.
    #[must_use]
    pub fn new(encryption: &[u8], integrity: &[u8]) -> Self {
        Self {
            encryption: Zeroizing::new(encryption.to_vec()),
            integrity: Zeroizing::new(integrity.to_vec()),
        }
    }

    pub(crate) fn encryption(&self) -> &[u8] {
        &self.encryption
    }

    pub(crate) fn integrity(&self) -> &[u8] {
        &self.integrity
    }
}

impl fmt::Debug for EspKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EspKeys({} octets, {} octets)",
            self.encryption.len(),
            self.integrity.len()
        )
    }
}

/// SPIs 0 to 255 are reserved (RFC 4303 section 2.1).
pub(crate) const fn check_spi(spi: u32) -> Result<(), KeyError> {
    if spi < 256 {
        Err(KeyError::ReservedSpi)
    } else {
        Ok(())
    }
}

/// Why keys were not taken for an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Key and salt have not the length that the cipher needs.
    EncryptionLength {
        /// Octets that the cipher needs.
        expected: usize,
        /// Octets that were given.
        actual: usize,
    },
    /// The integrity key has not the length that the algorithm needs.
    IntegrityLength {
        /// Octets that the algorithm needs.
        expected: usize,
        /// Octets that were given.
        actual: usize,
    },
    /// A weak or degenerate DES or 3DES key (RFC 2451 section 2.3): negotiate anew.
    WeakKey,
    /// SPIs 0 to 255 are reserved (RFC 4303 section 2.1).
    ReservedSpi,
    /// The cryptographic library refused a key of the right length.
    Refused,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EncryptionLength { expected, actual } => write!(
                f,
                "the encryption key has {actual} octets, the cipher takes {expected}"
            ),
            Self::IntegrityLength { expected, actual } => write!(
                f,
                "the integrity key has {actual} octets, the algorithm takes {expected}"
            ),
            Self::WeakKey => f.write_str("the DES key is a weak one"),
            Self::ReservedSpi => f.write_str("SPIs 0 to 255 are reserved"),
            Self::Refused => f.write_str("the cryptographic library refused the key"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_the_octets() {
        let keys = EspKeys::new(&[0xab; 20], &[0xcd; 16]);
        assert_eq!(format!("{keys:?}"), "EspKeys(20 octets, 16 octets)");
    }
}
