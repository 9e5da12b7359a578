//! The TUN queues and sockets of the workers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use gatewright_io::{
    open_esp, open_udp, open_udp_group, Encapsulation, LinuxTun, Socket, SocketOptions, TunOptions,
};

use crate::control::{Shared, SocketSlot};
use crate::error::EngineError;

/// Creates or takes over the TUN device: one hold on it for each worker.  Where the kernel cannot
/// choose between queues as we say, the first worker reads for all, and the others only write: the
/// kernel's own choice changes within a flow, with what it learns from the other direction.
pub(crate) fn open_tun(shared: &Shared) -> Result<Vec<LinuxTun>, EngineError> {
    let settings = &shared.settings;
    let options = TunOptions {
        name: settings.interface.clone(),
        mtu: settings.mtu,
        queue: settings.tun_queue,
        offloads: settings.offloads,
    };
    let failed = |error| EngineError::Tun {
        interface: settings.interface.clone(),
        error,
    };
    let first = LinuxTun::open(&options).map_err(failed)?;
    let kernel = shared.kernel();
    let steered = kernel.is_some_and(|kernel| first.steer(&kernel.tun).is_ok());
    let mut queues = vec![first];
    for _ in 1..shared.links.count() {
        let queue = if steered {
            queues[0].another_queue().map_err(failed)?
        } else {
            queues[0].writer()
        };
        queues.push(queue);
    }
    Ok(queues)
}

/// The sockets of `addresses`, those that are open already among them.
pub(crate) fn open_sockets(
    shared: &Shared,
    addresses: &[IpAddr],
) -> Result<Vec<SocketSlot>, EngineError> {
    let tables = shared.tables();
    let mut slots = Vec::with_capacity(addresses.len() * 2);
    for (number, address) in addresses.iter().enumerate() {
        for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
            let open = tables.sockets.iter().filter(|slot| {
                slot.socket.encapsulation() == encapsulation && slot.socket.local().ip() == *address
            });
            let before = slots.len();
            slots.extend(open.cloned());
            if slots.len() > before {
                continue;
            }
            let opened = open_address(shared, encapsulation, *address, number)?.into_iter();
            slots.extend(opened.map(|(worker, socket)| SocketSlot { worker, socket }));
        }
    }
    Ok(slots)
}

type Opened = Vec<(usize, Arc<dyn Socket>)>;

/// The sockets of one address, each with the worker that receives from it.
fn open_address(
    shared: &Shared,
    encapsulation: Encapsulation,
    address: IpAddr,
    number: usize,
) -> Result<Opened, EngineError> {
    let options = options(shared);
    let workers = shared.links.count();
    match encapsulation {
        Encapsulation::Udp => {
            let local = SocketAddr::new(address, shared.settings.port);
            let failed = |error| EngineError::Udp { local, error };
            let kernel = shared.kernel();
            let group =
                kernel.map(|kernel| open_udp_group(local, &options, workers, kernel.udp(address)));
            let sockets = match group {
                Some(Ok(group)) => group,
                // The kernel cannot, or another program has the port, which comes up here again.
                _ => vec![open_udp(local, &options).map_err(failed)?],
            };
            let shareable = |socket| Arc::new(socket) as Arc<dyn Socket>;
            Ok(sockets.into_iter().map(shareable).enumerate().collect())
        }
        // The kernel gives every raw socket a copy of every packet, whatever a filter says of it
        // then: one socket, and its worker hands over.
        Encapsulation::Protocol50 => match open_esp(address, &options) {
            Ok(socket) => {
                let socket = socket.with_direct_sending(shared.settings.direct.clone());
                Ok(vec![(number % workers, Arc::new(socket))])
            }
            Err(error) => Err(EngineError::Esp {
                local: address,
                error,
            }),
        },
    }
}

fn options(shared: &Shared) -> SocketOptions {
    let settings = &shared.settings;
    SocketOptions {
        mark: settings.mark,
        buffer: settings.socket_buffer,
        offloads: settings.offloads,
    }
}
