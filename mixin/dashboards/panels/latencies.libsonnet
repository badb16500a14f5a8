// Latencies that each pod and node has. Of one scope. The probes are off by default.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  socket: panel.timeseries(
    'Applications: read and write (probe socketlatency, off by default)',
    'Read: data waits in a TCP socket until the application reads it. It grows: the process is late, not the network; check CPU throttling, garbage collections, blocked workers. Write: written data waits to be sent for the first time, for the window of the peer or for congestion control. Next: read, look at the queues and cpu.stat of the container; write, look at the peer and at retransmissions.',
    's',
    scope.quantiles('kubeskoop_socketlatency_read_latency_seconds', 'read')
    + scope.quantiles('kubeskoop_socketlatency_write_latency_seconds', 'write'),
  ),

  socketSlow: panel.timeseries(
    'Applications: slow reads and writes (probe socketlatency, off by default)',
    'How often data waited for more than 1 ms and for more than 100 ms. Single ones over 100 ms are the jitter that users see. Next: compare the moments with CPU throttling and garbage collections of the application.',
    'epm',
    [
      scope.perMinute('kubeskoop_socketlatency_read1ms', 'read over 1 ms'),
      scope.perMinute('kubeskoop_socketlatency_read100ms', 'read over 100 ms'),
      scope.perMinute('kubeskoop_socketlatency_write1ms', 'write over 1 ms'),
      scope.perMinute('kubeskoop_socketlatency_write100ms', 'write over 100 ms'),
    ],
  ),

  kernel: panel.timeseries(
    'Network layer of the kernel (probe kernellatency, off by default)',
    'Received: from IP to the transport protocol, so routing and netfilter. Sent: from IP to the device, and the wait for the address of a neighbour (ARP). It should be microseconds. Next: received grows, look for thousands of firewall rules or a busy CPU; sent grows, look for a next hop that answers late.',
    's',
    scope.quantiles('kubeskoop_kernellatency_rx_latency_seconds', 'received')
    + scope.quantiles('kubeskoop_kernellatency_tx_latency_seconds', 'sent'),
  ),

  kernelSlow: panel.timeseries(
    'Network layer: slow packets (probe kernellatency, off by default)',
    'Packets that were under way in the kernel for more than 10 ms and for more than 100 ms. There should be none. Next: look at softirqs and virtio commands of the node at the same moment: both hold the CPU.',
    'epm',
    [
      scope.perMinute('kubeskoop_kernellatency_rxslow', 'received, over 10 ms'),
      scope.perMinute('kubeskoop_kernellatency_rxslow100ms', 'received, over 100 ms'),
      scope.perMinute('kubeskoop_kernellatency_txslow', 'sent, over 10 ms'),
      scope.perMinute('kubeskoop_kernellatency_txslow100ms', 'sent, over 100 ms'),
    ],
  ),

  device: panel.timeseries(
    'Queue and driver (probe netiftxlat, off by default)',
    'Queue: how long packets wait in queueing disciplines. Driver: how long it takes to accept a packet. Queue grows: more is sent than the device, or its bandwidth limit, takes. Driver grows: the hypervisor or the hardware is slow. Next: queue, see the bytes waiting; driver, see virtio commands and ask the provider.',
    's',
    scope.quantiles('kubeskoop_netiftxlat_qdisc_latency_seconds', 'queue')
    + scope.quantiles('kubeskoop_netiftxlat_netdev_latency_seconds', 'driver'),
  ),

  deviceSlow: panel.timeseries(
    'Queue and driver: slow packets (probe netiftxlat, off by default)',
    'Packets that waited in a queue, or were being accepted by the driver, for more than 100 ms. There should be none. Next: as for queue and driver beside.',
    'epm',
    [
      scope.perMinute('kubeskoop_netiftxlat_qdiscslow100ms', 'queue'),
      scope.perMinute('kubeskoop_netiftxlat_netdevslow100ms', 'driver'),
    ],
  ),
}
