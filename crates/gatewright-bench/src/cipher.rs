//! What one core seals and opens when it does nothing else: the limit that a cipher sets.

use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use gatewright_esp::{
    Algorithm, EspKeys, GcmCode, Integrity, OpenContext, SealContext, HEADROOM, TAILROOM,
};

use crate::arguments::Arguments;
use crate::Outcome;

/// Packets of one batch, as the engine has them in hand.
const BATCH: usize = 64;
const SPI: u32 = 0x0102_0304;

/// Prints nanoseconds for a packet, sealing and opening.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let algorithm = Algorithm::from_names(
        arguments.text("cipher").unwrap_or("aes-128-gcm"),
        arguments.text("integrity"),
    )
    .map_err(|error| error.to_string())?;
    let size: usize = arguments.or("size", 1400)?;
    let until = Instant::now() + arguments.seconds("seconds", 0.5)?;
    let (seal, open) = contexts(algorithm)?;
    let mut packets = vec![packet(size)?; BATCH];
    let place = HEADROOM..HEADROOM + size;
    let (mut sealing, mut opening, mut count, mut seq) = (Duration::ZERO, Duration::ZERO, 0u32, 0);
    while Instant::now() < until {
        let begin = Instant::now();
        let mut sealed: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
        for (buffer, range) in packets.iter_mut().zip(&mut sealed) {
            seq += 1;
            *range = seal
                .seal_in_place(buffer, place.clone(), 4, seq)
                .map_err(|error| error.to_string())?;
        }
        let middle = Instant::now();
        for (buffer, range) in packets.iter_mut().zip(sealed) {
            black_box(open.open_in_place(buffer, range, 0)).map_err(|error| error.to_string())?;
        }
        sealing += middle - begin;
        opening += middle.elapsed();
        count += 1;
    }
    let each = |time: Duration| time.as_nanos() as f64 / (f64::from(count.max(1)) * BATCH as f64);
    println!(
        "{{\"seal_ns\": {:.1}, \"open_ns\": {:.1}}}",
        each(sealing),
        each(opening)
    );
    Ok(())
}

fn contexts(algorithm: Algorithm) -> Outcome<(SealContext, OpenContext)> {
    let cipher = algorithm.cipher();
    // No two parts alike, as 3DES wants it.
    let encryption: Vec<u8> = (0..cipher.key_len() + cipher.salt_len())
        .map(|index| 0x5a ^ (index as u8).wrapping_mul(37))
        .collect();
    let integrity = vec![7; algorithm.integrity().map_or(0, Integrity::key_len)];
    let keys = EspKeys::new(&encryption, &integrity);
    let gcm = GcmCode::Fastest;
    let told = |error: &dyn std::fmt::Display| error.to_string();
    Ok((
        SealContext::new(algorithm, &keys, SPI, false, &[7; 16], gcm)
            .map_err(|error| told(&error))?,
        OpenContext::new(algorithm, &keys, SPI, false, gcm).map_err(|error| told(&error))?,
    ))
}

/// An IPv4 packet with room for ESP around it.
fn packet(size: usize) -> Outcome<Vec<u8>> {
    let total = u16::try_from(size)
        .ok()
        .filter(|size| *size >= 20)
        .ok_or("size is that of an IPv4 packet, 20 to 65535")?
        .to_be_bytes();
    let mut buffer = vec![0; HEADROOM];
    buffer.extend([0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0]);
    buffer.resize(HEADROOM + size + TAILROOM, 9);
    Ok(buffer)
}
