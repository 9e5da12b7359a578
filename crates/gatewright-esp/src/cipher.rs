//! The ciphers.
