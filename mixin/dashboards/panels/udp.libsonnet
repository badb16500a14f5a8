// UDP, of one scope. Texts hold for a pod as for a node.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  noPorts: panel.timeseries(
    'Datagrams without a socket',
    'Datagrams for a port on which nobody listens, or nobody any more. One or a few whenever names time out: the reply came after the client had given up, so the DNS server, or the way to it, is slow and this place is well. Many, all the time: somebody sends to a closed port. Next: compare the moments with "No socket, of all drops"; then time the server itself (dig, CoreDNS panels on the DNS dashboard).',
    'epm',
    [scope.perMinute('kubeskoop_udp_noports', 'no socket')],
  ),

  noPortsPart: panel.timeseries(
    'Without a socket, of datagrams received',
    'Under 1 %: single replies that came too late, which is what a slow DNS server looks like. Far above: a sender with a wrong port or an outdated endpoint. Next: below 1 % go to the DNS server, above capture the datagrams (tcpdump udp) and see who sends them.',
    'percentunit',
    [scope.part('kubeskoop_udp_noports', ['kubeskoop_udp_indatagrams', 'kubeskoop_udp_noports'], 'no socket')],
  ),

  receiveErrors: panel.timeseries(
    'Datagrams received and not delivered',
    'Receive buffer full: the application reads too slowly, or not at all, and replies are lost after they arrived. Bad checksum: damaged on the way, or by a faulty offload of the device. All errors holds both and others. Next: buffer full, look at the CPU of the application and at net.core.rmem_max; bad checksum, switch off checksum offload on the device to see whether it is to blame (ethtool -K).',
    'epm',
    [
      scope.perMinute('kubeskoop_udp_rcvbuferrors', 'receive buffer full'),
      scope.perMinute('kubeskoop_udp_incsumerrors', 'bad checksum'),
      scope.perMinute('kubeskoop_udp_inerrors', 'all errors'),
    ],
  ),

  sendErrors: panel.timeseries(
    'Datagrams that could not be sent',
    'The send buffer was full, or the device took no more: the query never left, so the client waits for nothing. Next: look at drops and backlog of queueing disciplines on the Node dashboard; raise net.core.wmem_max if the application sends in bursts.',
    'epm',
    [scope.perMinute('kubeskoop_udp_sndbuferrors', 'send buffer full')],
  ),

  datagrams: panel.timeseries(
    'Datagrams',
    'Sent and received. Both fall: nobody asks any more. Sent goes on and received falls: replies are missing. Sent jumps: clients repeat queries, or one searches many domains (ndots). Next: if replies are missing, see which row of the DNS dashboard moves with it.',
    'pps',
    [
      scope.perSecond('kubeskoop_udp_indatagrams', 'received'),
      scope.perSecond('kubeskoop_udp_outdatagrams', 'sent'),
    ],
  ),

  ignoredMulticast: panel.timeseries(
    'Multicast without a listener',
    'Multicast datagrams that no socket wanted. Harmless, unless it is much more than the rest: then a neighbour floods the network. Next: find the sender by its address (tcpdump multicast).',
    'epm',
    [scope.perMinute('kubeskoop_udp_ignoredmulti', 'ignored')],
  ),
}
