// The alerts that each guide is about.
local named(names) = ['KubeSkoop' + name for name in names];

{
  dns: named([
    'DNSReplyTooLate',
    'ConntrackInsertFailed',
    'UDPReceiveBufferFull',
    'UDPSendBufferFull',
    'UDPErrors',
  ]),
  ingress: named([
    'ListenQueueOverflow',
    'DeviceDrops',
    'ConnectFailures',
    'Retransmissions',
    'ConntrackDrops',
    'ConntrackNearlyFull',
    'NetfilterDrops',
  ]),
  resets: named([
    'TCPResets',
    'TCPAbortTimeout',
    'TCPAbortLinger',
    'TCPAbortUnread',
    'TCPAbortMemory',
    'PAWSRejected',
    'EmbryonicResets',
  ]),
  jitter: named([
    'VirtioCommandSlow',
    'SoftirqSlow',
    'BacklogDrops',
    'ProcessStalled',
  ]),
  all: named(['.+']),
}
