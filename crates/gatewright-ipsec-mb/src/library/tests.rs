#![allow(clippy::unwrap_used)]

use super::*;

fn refusal(name: &str) -> Option<Unavailable> {
    Library::load(name).err()
}

/// What this machine has, so that nothing is left out where it has everything.
#[test]
fn it_is_used_wherever_it_is_installed_and_the_processor_suits() {
    match refusal(SONAME) {
        None => assert!(library().is_ok()),
        Some(why @ (Unavailable::Processor | Unavailable::ProcessorElse)) => {
            assert_eq!(library().err(), Some(why.to_string().as_str()));
        }
        Some(why @ Unavailable::NotInstalled) => {
            assert_eq!(library().err(), Some(why.to_string().as_str()));
        }
        Some(why) => panic!("{why}"),
    }
}

#[test]
fn an_absent_library_is_told_from_a_broken_and_another_one() {
    if !processor_suits() {
        assert_eq!(refusal(SONAME), Some(Unavailable::Processor));
        return;
    }
    assert_eq!(
        refusal("libIPSec_MB.so.none"),
        Some(Unavailable::NotInstalled)
    );
    let broken = std::env::temp_dir().join(format!("gatewright-broken-{}.so", std::process::id()));
    std::fs::write(&broken, "no library").unwrap();
    let why = refusal(broken.to_str().unwrap());
    std::fs::remove_file(&broken).unwrap();
    assert!(matches!(why, Some(Unavailable::Unloadable(_))), "{why:?}");
    let other = refusal("libc.so.6");
    assert_eq!(other, Some(Unavailable::Lacks("imb_get_version")));
}

#[test]
fn version_processor_and_build_are_asked_for() {
    let good = About {
        version: 0x0001_0300,
        features: PROCESSOR | SAFE_DATA,
    };
    assert_eq!(acceptable(&good), Ok(()));
    for version in [0x0000_3700, 0x0002_0000] {
        let about = About { version, ..good };
        assert_eq!(acceptable(&about), Err(Unavailable::Version(version)));
    }
    for bit in (0..=18).filter(|bit| ![14, 15].contains(bit)) {
        let features = good.features & !(1 << bit);
        let about = About { features, ..good };
        assert_eq!(acceptable(&about), Err(Unavailable::ProcessorElse));
    }
    let about = About {
        features: PROCESSOR,
        ..good
    };
    assert_eq!(acceptable(&about), Err(Unavailable::Unsafe));
}

#[test]
fn each_refusal_says_what_and_why() {
    let told = |why: Unavailable| why.to_string();
    assert_eq!(
        told(Unavailable::NotInstalled),
        "libIPSec_MB.so.1 is not installed: apt install libipsec-mb1"
    );
    assert!(told(Unavailable::Version(0x0002_0100)).contains("version 2.1"));
    assert!(told(Unavailable::WrongAnswer(192)).contains("192 bits"));
    assert!(told(Unavailable::Lacks("this")).ends_with("no function this"));
}
