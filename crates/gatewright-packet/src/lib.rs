//! Views on packet headers.
#![no_std]
