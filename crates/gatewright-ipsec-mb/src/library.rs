//! Finding the library, and the conditions under which it is used.

use core::fmt;
use std::sync::OnceLock;

use crate::check;
use crate::foreign::{self, About, Functions};
use crate::gcm::GcmKey;

const SONAME: &str = "libIPSec_MB.so.1";

/// The library, found good.
pub struct Library {
    sizes: [Functions; 3],
}

/// Why the library is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The processor has no VAES with AVX-512.
    Processor,
    /// The processor has that, and lacks something else that the library asks for.
    ProcessorElse,
    /// There is no such file.
    NotInstalled,
    /// The file cannot be loaded, in the dynamic linker's words.
    Unloadable(String),
    /// It is of another version than its name says.
    Version(u32),
    /// It does not wipe its registers.
    Unsafe,
    /// It has no function of this name.
    Lacks(&'static str),
    /// Its structures are larger than its header of version 1 says.
    Layout,
    /// For keys of so many bits its answers are not those of AES-GCM.
    WrongAnswer(usize),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processor => f.write_str("the processor has no VAES with AVX-512"),
            Self::ProcessorElse => write!(
                f,
                "{SONAME} asks for more of the processor than VAES with AVX-512 (SHA, GFNI, IFMA, \
                 CD and BMI2), and it has not all"
            ),
            Self::NotInstalled => {
                write!(f, "{SONAME} is not installed: apt install libipsec-mb1")
            }
            Self::Unloadable(why) => write!(f, "{SONAME} cannot be loaded: {why}"),
            Self::Version(version) => write!(
                f,
                "{SONAME} says that it is version {}.{}, and 1 is needed",
                version >> 16,
                version >> 8 & 0xff
            ),
            Self::Unsafe => write!(
                f,
                "{SONAME} was built without SAFE_DATA: it leaves keys in registers"
            ),
            Self::Lacks(name) => write!(f, "{SONAME} has no function {name}"),
            Self::Layout => write!(f, "{SONAME} keeps more of a key than version 1 does"),
            Self::WrongAnswer(bits) => write!(
                f,
                "{SONAME} gives wrong answers for AES-GCM with keys of {bits} bits"
            ),
        }
    }
}

impl std::error::Error for Unavailable {}

/// The library for this process, looked for once; or why it is not used, in words.
///
/// # Errors
/// The words of [`Unavailable`].
pub fn library() -> Result<&'static Library, &'static str> {
    static FOUND: OnceLock<Result<Library, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| Library::load(SONAME).map_err(|why| why.to_string()));
    found.as_ref().map_err(String::as_str)
}

impl Library {
    /// A scheduled key of 16, 24 or 32 octets; None for any other length.
    #[must_use]
    pub fn key(&self, key: &[u8]) -> Option<Box<GcmKey>> {
        let functions = self.sizes.iter().find(|size| size.key_len() == key.len())?;
        GcmKey::new(*functions, key)
    }

    #[cfg(test)]
    pub(crate) const fn sizes(&self) -> &[Functions; 3] {
        &self.sizes
    }

    fn load(name: &str) -> Result<Self, Unavailable> {
        if !processor_suits() {
            return Err(Unavailable::Processor);
        }
        let loaded = foreign::load(name).map_err(|why| {
            // The dynamic linker has no number for it, and does not translate.
            if why.contains("No such file or directory") {
                Unavailable::NotInstalled
            } else {
                Unavailable::Unloadable(why)
            }
        })?;
        acceptable(&foreign::about(loaded).map_err(Unavailable::Lacks)?)?;
        let sizes = foreign::functions(loaded).map_err(Unavailable::Lacks)?;
        for functions in &sizes {
            check::agrees(functions)?;
        }
        Ok(Self { sizes })
    }
}

/// Bits of `imb_get_feature_flags`: what the library's own dispatcher asks of a processor before
/// it takes this code (`IMB_CPUFLAGS_AVX512_T2` of its header), from SHA extensions to BMI2.
const PROCESSOR: u64 = 0b111_0011_1111_1111_1111;
/// It wipes registers and memory of its own before it returns (`IMB_FEATURE_SAFE_DATA`).
const SAFE_DATA: u64 = 1 << 14;

/// By the library's own word.
fn acceptable(about: &About) -> Result<(), Unavailable> {
    if about.version >> 16 != 1 {
        Err(Unavailable::Version(about.version))
    } else if about.features & PROCESSOR != PROCESSOR {
        Err(Unavailable::ProcessorElse)
    } else if about.features & SAFE_DATA == 0 {
        Err(Unavailable::Unsafe)
    } else {
        Ok(())
    }
}

/// What the library's code uses, and that the kernel keeps the registers for it.
#[cfg(target_arch = "x86_64")]
fn processor_suits() -> bool {
    use std::arch::is_x86_feature_detected as has;
    let avx512 = has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
    avx512 && has!("vaes") && has!("vpclmulqdq") && has!("aes") && has!("pclmulqdq")
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_suits() -> bool {
    false
}

#[cfg(test)]
mod tests;
