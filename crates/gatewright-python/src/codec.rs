//! The engine's ESP by itself, for tests and captures: other implementations judge what it seals,
//! and it opens what they seal.

use gatewright_esp::{
    Algorithm, EspKeys, GcmCode, InnerVersion, OpenContext, Payload, SealContext, HEADROOM,
    TAILROOM,
};
use gatewright_io::fill_random;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::refused;

/// One direction of an SA: seals inner packets, or opens ESP packets.
///
/// `seal` takes the sequence number from the caller and keeps no record of it: it is for tests,
/// not for a transport.
#[pyclass(frozen)]
pub(crate) struct Esp {
    seal: SealContext,
    open: OpenContext,
}

#[pymethods]
impl Esp {
    #[new]
    #[pyo3(signature = (*, cipher, integrity, encryption_key, integrity_key, spi, esn=false))]
    fn new(
        cipher: &str,
        integrity: Option<&str>,
        encryption_key: &[u8],
        integrity_key: &[u8],
        spi: u32,
        esn: bool,
    ) -> PyResult<Self> {
        let algorithm = Algorithm::from_names(cipher, integrity).map_err(refused)?;
        let keys = EspKeys::new(encryption_key, integrity_key);
        let mut iv_seed = [0; 16];
        fill_random(&mut iv_seed).map_err(refused)?;
        let gcm = GcmCode::Fastest;
        Ok(Self {
            seal: SealContext::new(algorithm, &keys, spi, esn, &iv_seed, gcm).map_err(refused)?,
            open: OpenContext::new(algorithm, &keys, spi, esn, gcm).map_err(refused)?,
        })
    }

    /// The ESP packet around an IP packet, from the SPI to the ICV.
    fn seal<'py>(&self, py: Python<'py>, inner: &[u8], seq: u64) -> PyResult<Bound<'py, PyBytes>> {
        let next_header = match inner.first().map(|octet| octet >> 4) {
            Some(4) => 4,
            Some(6) => 41,
            _ => return Err(PyValueError::new_err("the inner packet is no IP packet")),
        };
        let range = HEADROOM..HEADROOM + inner.len();
        let mut buffer = vec![0; range.end + TAILROOM];
        buffer[range.clone()].copy_from_slice(inner);
        let sealed = self
            .seal
            .seal_in_place(&mut buffer, range, next_header, seq)
            .map_err(refused)?;
        Ok(PyBytes::new(py, &buffer[sealed]))
    }

    /// The sequence number, next header and IP packet of an ESP packet; an empty one for a dummy.
    #[pyo3(signature = (packet, seq_hi=0))]
    fn open<'py>(
        &self,
        py: Python<'py>,
        packet: &[u8],
        seq_hi: u32,
    ) -> PyResult<(u64, u8, Bound<'py, PyBytes>)> {
        let mut buffer = packet.to_vec();
        let range = 0..buffer.len();
        let opened = self
            .open
            .open_in_place(&mut buffer, range, seq_hi)
            .map_err(refused)?;
        let (next_header, range) = match opened.payload {
            Payload::Packet(InnerVersion::V4, range) => (4, range),
            Payload::Packet(InnerVersion::V6, range) => (41, range),
            Payload::Dummy => (59, 0..0),
        };
        Ok((opened.seq, next_header, PyBytes::new(py, &buffer[range])))
    }

    fn __repr__(&self) -> String {
        let algorithm = self.seal.algorithm();
        let names = match algorithm.integrity() {
            Some(integrity) => format!("{} {}", algorithm.cipher().name(), integrity.name()),
            None => algorithm.cipher().name().to_owned(),
        };
        format!("Esp(spi={:#010x}, {names})", self.seal.spi())
    }
}
