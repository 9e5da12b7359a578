//! Known answers, asked for before the library is used: those of aws-lc.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_192_GCM, AES_256_GCM};

use crate::foreign::Functions;
use crate::gcm::{GcmError, GcmKey, NONCE_LEN, TAG_LEN};
use crate::library::Unavailable;

/// Around the boundaries of the library's loops: blocks of 16 octets, then 16 and 48 blocks at
/// once; and packets as large as they get.
const LENGTHS: [usize; 24] = [
    0, 1, 2, 15, 16, 17, 63, 64, 65, 255, 256, 257, 511, 512, 513, 767, 768, 769, 1025, 1402, 1443,
    1537, 9001, 65535,
];

/// RFC 4106 section 5: SPI and sequence number, short or extended.
const AAD_LENGTHS: [usize; 2] = [8, 12];

/// Whether the functions do what AES-GCM is.
///
/// # Errors
/// [`Unavailable::Layout`] or [`Unavailable::WrongAnswer`].
pub fn agrees(functions: &Functions) -> Result<(), Unavailable> {
    if !functions.stays_inside() {
        return Err(Unavailable::Layout);
    }
    let wrong = Unavailable::WrongAnswer(8 * functions.key_len());
    let octets = pattern(functions.key_len(), 0x3c);
    let (Some(ours), Some(theirs)) = (GcmKey::new(*functions, &octets), other(&octets)) else {
        return Err(wrong);
    };
    let right = LENGTHS
        .into_iter()
        .flat_map(|len| AAD_LENGTHS.map(|aad_len| (len, aad_len)))
        .all(|(len, aad_len)| same(&ours, &theirs, len, aad_len).unwrap_or(false));
    if right {
        Ok(())
    } else {
        Err(wrong)
    }
}

fn other(octets: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match octets.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    let key = UnboundKey::new(algorithm, octets).ok()?;
    Some(LessSafeKey::new(key))
}

/// Seals as the other does, opens that again, and refuses it with one bit changed.
fn same(ours: &GcmKey, theirs: &LessSafeKey, len: usize, aad_len: usize) -> Option<bool> {
    let fill = (len + aad_len) as u8;
    let plain = pattern(len, fill);
    let aad = pattern(aad_len, fill ^ 0x55);
    let nonce: [u8; NONCE_LEN] = pattern(NONCE_LEN, fill ^ 0x0f).try_into().ok()?;
    let mut expected = plain.clone();
    let unique = Nonce::assume_unique_for_key(nonce);
    let expected_tag = theirs
        .seal_in_place_separate_tag(unique, Aad::from(&aad), &mut expected)
        .ok()?;
    let mut data = plain.clone();
    let tag = ours.seal_in_place(&nonce, &aad, &mut data).ok()?;
    let sealed = data == expected && tag == *expected_tag.as_ref();

    let opened = ours.open_in_place(&nonce, &aad, &mut data, &tag).is_ok() && data == plain;

    let mut damaged = tag;
    damaged[len % TAG_LEN] ^= 1;
    let answer = ours.open_in_place(&nonce, &aad, &mut expected, &damaged);
    let wiped = expected.iter().all(|octet| *octet == 0);
    let refused = answer == Err(GcmError::Forged) && wiped;
    Some(sealed && opened && refused)
}

fn pattern(len: usize, fill: u8) -> Vec<u8> {
    (0..len)
        .map(|index| (index as u8).wrapping_mul(37) ^ (index >> 8) as u8 ^ fill)
        .collect()
}
