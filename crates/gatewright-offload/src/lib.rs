//! virtio-net headers, splitting and coalescing.
