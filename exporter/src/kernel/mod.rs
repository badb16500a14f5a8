//! Every door to the kernel: procfs parsers, namespaces, netlink. Nothing else opens `/proc`.

pub mod allocator;
pub mod bpf;
pub mod kallsyms;
pub mod links;
pub mod netlink;
pub mod netns;
pub mod own_process;
pub mod procfs;
pub mod qdisc;
pub mod rcu;
pub mod sock_diag;
pub mod tcp;
pub mod visit;
