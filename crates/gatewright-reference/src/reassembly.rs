//! A receiver that puts fragments together.

use crate::judge::judge;

/// The payload that IPv4 fragments carry together, and where it begins.
///
/// # Errors
/// What is wrong with one of them, or that they overlap, leave a gap, or differ in more than they
/// may (RFC 791 section 3.2).
pub fn reassemble(fragments: &[Vec<u8>]) -> Result<(usize, Vec<u8>), String> {
    let mut pieces = Vec::new();
    for fragment in fragments {
        let judged = judge(fragment)?;
        if judged.version != 4 {
            return Err("not IPv4".to_owned());
        }
        // Identification, TTL, protocol, addresses.
        let same = [&fragment[4..6], &fragment[8..10], &fragment[12..20]].concat();
        pieces.push((judged.fragment_offset, judged.more, judged.upper, same));
    }
    pieces.sort_by_key(|(offset, ..)| *offset);
    let (start, .., common) = pieces.first().ok_or("nothing")?.clone();
    let mut payload = Vec::new();
    for (index, (offset, more, content, same)) in pieces.iter().enumerate() {
        if *offset != start + payload.len() {
            return Err(format!("a gap or an overlap at {offset}"));
        }
        if *same != common {
            return Err("of another packet".to_owned());
        }
        let last = index + 1 == pieces.len();
        if !last && (!more || content.len() % 8 != 0) {
            return Err(format!("{} octets amid others", content.len()));
        }
        payload.extend_from_slice(content);
    }
    Ok((start, payload))
}
