//! Which AES code the processor allows.  The libraries choose theirs; here is told what they choose.

/// The ways to AES-GCM, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AesCode {
    /// Without AES instructions.
    Software,
    /// One block an instruction.
    Instructions,
    /// Two blocks an instruction or more (VAES and VPCLMULQDQ over AVX2, or AVX-512).
    Vector,
}

impl AesCode {
    /// What is used on this processor.
    #[must_use]
    pub fn here() -> Self {
        let features = features();
        if features.vector {
            Self::Vector
        } else if features.instructions {
            Self::Instructions
        } else {
            Self::Software
        }
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Software => "no AES instructions, so AES is done without",
            Self::Instructions => {
                "no VAES with AVX2, so plain AES instructions are used, about half as fast"
            }
            Self::Vector => "vector AES",
        }
    }
}

struct Features {
    instructions: bool,
    vector: bool,
}

/// As in ring, which is taken where there is vector AES (`gcm_code`).
#[cfg(target_arch = "x86_64")]
fn features() -> Features {
    use std::arch::is_x86_feature_detected as has;
    let instructions = has!("aes") && has!("pclmulqdq");
    Features {
        instructions,
        vector: instructions && has!("avx2") && has!("vaes") && has!("vpclmulqdq"),
    }
}

/// The AES instructions of these processors are as fast as they get.
#[cfg(target_arch = "aarch64")]
fn features() -> Features {
    let aes = std::arch::is_aarch64_feature_detected!("aes");
    Features {
        instructions: aes,
        vector: aes,
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Features {
    Features {
        instructions: false,
        vector: false,
    }
}

#[cfg(test)]
mod tests {
    use super::AesCode;

    /// The kernel's own list of the processor's features says the same.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn agrees_with_the_kernels_list() {
        let list = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = list.lines().find(|line| line.starts_with("flags"));
        let flags: Vec<&str> = flags.unwrap_or_default().split_whitespace().collect();
        let has = |name| flags.contains(&name);
        let instructions = has("aes") && has("pclmulqdq");
        let expected = if instructions && has("avx2") && has("vaes") && has("vpclmulqdq") {
            AesCode::Vector
        } else if instructions {
            AesCode::Instructions
        } else {
            AesCode::Software
        };
        assert_eq!(AesCode::here(), expected);
    }
}
