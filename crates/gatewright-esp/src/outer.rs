//! What goes between inner and outer IP header: ECN (RFC 6040), DSCP and DF (RFC 4301 section 5.1.2).
//!
//! The traffic class octet is DSCP in the upper six bits and ECN in the lower two.

/// The ECN field of an IP header (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// Not ECN-capable, 0b00.
    NotEct,
    /// ECN-capable, 0b01.
    Ect1,
    /// ECN-capable, 0b10.
    Ect0,
    /// Congestion experienced, 0b11.
    Ce,
}

/// Whether the outer IPv4 header has DF set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DfPolicy {
    /// As the inner header (IPv6 counts as set).
    Copy,
    /// Always set.
    Set,
    /// Never set.
    Clear,
}

/// Where the outer DSCP comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DscpPolicy {
    /// From the inner header.
    Copy,
    /// This value, 0 to 63.
    Fixed(u8),
}

/// The inner packet says "not ECN-capable", the outer one came with "congestion experienced": it
/// must be dropped (RFC 6040 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalEcn;

impl Ecn {
    /// The lower two bits of a traffic class octet.
    #[must_use]
    pub const fn from_traffic_class(octet: u8) -> Self {
        match octet & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0b00,
            Self::Ect1 => 0b01,
            Self::Ect0 => 0b10,
            Self::Ce => 0b11,
        }
    }
}

/// The outer traffic class for an inner one: normal mode of RFC 6040 section 4.1 (the ECN field is
/// copied), DSCP by policy.
#[must_use]
pub const fn encapsulate_traffic_class(inner: u8, dscp: DscpPolicy) -> u8 {
    match dscp {
        DscpPolicy::Copy => inner,
        DscpPolicy::Fixed(value) => (value << 2) | (inner & 0b11),
    }
}

/// The ECN field of the packet to forward (RFC 6040 section 4.2, figure 4).
///
/// # Errors
/// [`IllegalEcn`] for inner Not-ECT with outer CE.
pub const fn decapsulate_ecn(inner: Ecn, outer: Ecn) -> Result<Ecn, IllegalEcn> {
    match (inner, outer) {
        (Ecn::NotEct, Ecn::Ce) => Err(IllegalEcn),
        (Ecn::NotEct, _) => Ok(Ecn::NotEct),
        (Ecn::Ce, _) | (_, Ecn::Ce) => Ok(Ecn::Ce),
        (Ecn::Ect0 | Ecn::Ect1, Ecn::Ect1) => Ok(Ecn::Ect1),
        (inner, Ecn::NotEct | Ecn::Ect0) => Ok(inner),
    }
}

/// The outer IPv4 DF bit; `inner` is the inner DF bit, true for IPv6.
#[must_use]
pub const fn outer_df(inner: bool, policy: DfPolicy) -> bool {
    match policy {
        DfPolicy::Copy => inner,
        DfPolicy::Set => true,
        DfPolicy::Clear => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6040 section 4.2, figure 4: rows by inner, columns by outer header, both in the order
    /// Not-ECT, ECT(0), ECT(1), CE.
    #[test]
    fn decapsulation_is_the_table_of_the_rfc() {
        use Ecn::{Ce, Ect0, Ect1, NotEct};
        let columns = [NotEct, Ect0, Ect1, Ce];
        let table = [
            (
                NotEct,
                [Ok(NotEct), Ok(NotEct), Ok(NotEct), Err(IllegalEcn)],
            ),
            (Ect0, [Ok(Ect0), Ok(Ect0), Ok(Ect1), Ok(Ce)]),
            (Ect1, [Ok(Ect1), Ok(Ect1), Ok(Ect1), Ok(Ce)]),
            (Ce, [Ok(Ce), Ok(Ce), Ok(Ce), Ok(Ce)]),
        ];
        for (inner, row) in table {
            for (outer, expected) in columns.into_iter().zip(row) {
                let result = decapsulate_ecn(inner, outer);
                assert_eq!(result, expected, "{inner:?} in {outer:?}");
            }
        }
    }

    #[test]
    fn ecn_is_the_lower_two_bits() {
        for (bits, ecn) in [
            (0, Ecn::NotEct),
            (1, Ecn::Ect1),
            (2, Ecn::Ect0),
            (3, Ecn::Ce),
        ] {
            assert_eq!(Ecn::from_traffic_class(0xb8 | bits), ecn);
            assert_eq!(ecn.bits(), bits);
        }
    }

    #[test]
    fn encapsulation_copies_ecn_and_chooses_dscp() {
        assert_eq!(encapsulate_traffic_class(0xbb, DscpPolicy::Copy), 0xbb);
        let fixed = DscpPolicy::Fixed(0b10_1000);
        assert_eq!(encapsulate_traffic_class(0xbb, fixed), 0xa3);
    }

    #[test]
    fn df_follows_its_policy() {
        for inner in [false, true] {
            assert_eq!(outer_df(inner, DfPolicy::Copy), inner);
            assert!(outer_df(inner, DfPolicy::Set));
            assert!(!outer_df(inner, DfPolicy::Clear));
        }
    }
}
