//! Sender and receiver of `make bench`, which runs it inside the namespaces of its worlds.
//!
//! ```text
//! gatewright-bench serve   port=5301
//! gatewright-bench stream  to=10.20.0.2:5301 seconds=2 warm=0.2 streams=1
//! gatewright-bench packets to=10.20.0.2:5301 seconds=1 rate=100000 size=64
//! gatewright-bench cipher  cipher=aes-128-gcm seconds=0.5 size=1400
//! ```
//!
//! `serve` stands at the far end until it is killed and serves both kinds of traffic; the others
//! print one line of JSON.  What is counted is what arrived, told by `serve` at the end.

mod arguments;
mod cipher;
mod packets;
mod serve;
mod stream;

use std::process::ExitCode;

use arguments::Arguments;

/// What goes wrong, in words.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let done = Arguments::parse(words).and_then(|arguments| match command.as_str() {
        "serve" => serve::run(&arguments),
        "stream" => stream::run(&arguments),
        "packets" => packets::run(&arguments),
        "cipher" => cipher::run(&arguments),
        other => Err(format!(
            "{other:?} is none of serve, stream, packets, cipher"
        )),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("gatewright-bench {command}: {why}");
            ExitCode::FAILURE
        }
    }
}
