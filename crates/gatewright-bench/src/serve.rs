//! The far end: takes connections, and counts what they bring or announce.

use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use crate::arguments::Arguments;
use crate::{packets, stream, Outcome};

/// The first octet of a connection: it is itself what is to be counted.
pub(crate) const STREAM: u8 = b'S';
/// The first octet of a connection: it announces UDP packets.
pub(crate) const PACKETS: u8 = b'P';

pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let port = arguments.needed("port")?;
    let listener = TcpListener::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))
        .map_err(|error| format!("port {port}: {error}"))?;
    println!("ready");
    for connection in listener.incoming() {
        let Ok(connection) = connection else { continue };
        std::thread::spawn(move || {
            if let Err(why) = serve(connection, port) {
                eprintln!("{why}");
            }
        });
    }
    Ok(())
}

fn serve(mut connection: TcpStream, port: u16) -> Outcome<()> {
    let mut kind = [0];
    connection
        .read_exact(&mut kind)
        .map_err(|error| format!("a connection that says nothing: {error}"))?;
    match kind[0] {
        STREAM => stream::count(connection),
        PACKETS => packets::count(connection, port),
        other => Err(format!("a connection of unknown kind {other}")),
    }
}
