// Resets of TCP and their causes, of one scope.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  resets: panel.timeseries(
    'Connections cut off, resets sent',
    'Cut off: connections that ended by a reset, sent or received, instead of a proper close. Sent: segments with RST, also those that answer a connect to a closed port. It says that it happens, not why. Next: go on to the kinds, then to the causes, and take the one that moves at the same moment.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcp_estabresets', 'cut off'),
      scope.perMinute('kubeskoop_tcp_outrsts', 'sent'),
    ],
  ),

  kinds: panel.timeseries(
    'Resets by kind',
    'nosock: a segment for a connection or port that is not here, so a wrong endpoint, or NAT or conntrack that sent it here. process: a socket that does not expect the segment. active: this side gives the connection up. receive: the peer sends them. Next: nosock, compare the endpoints of the Service with the pods and look at conntrack; active, go to the causes below; receive, open this page for the peer.',
    'epm',
    [scope.perMinute('kubeskoop_tcpreset_total', '{{type}}')],
  ),

  timeout: panel.timeseries(
    'Given up: the peer is gone',
    'All retransmissions, window probes or keepalives went unanswered. The peer has died, or the way to it is cut, or a NAT or load balancer has forgotten the idle connection. Next: see whether the peer was restarted or rescheduled; for idle connections, have the application send keepalives more often than the time-out on the way.',
    'epm',
    [scope.perMinute('kubeskoop_tcpext_tcpabortontimeout', 'given up')],
  ),

  linger: panel.timeseries(
    'Closed with linger, data for a closed socket',
    'Linger2: reset at once in FIN_WAIT_2, as the socket option asks. Data: the application closed with SO_LINGER 0, or data came for a socket it had closed. It is the doing of the application here. Next: look for SO_LINGER, and for time-outs of this side that are shorter than those of the peer.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcpabortonlinger', 'linger2'),
      scope.perMinute('kubeskoop_tcpext_tcpabortondata', 'data'),
    ],
  ),

  unread: panel.timeseries(
    'Closed with unread data',
    'The application closed a connection without reading what had come; the peer sees "connection reset by peer" instead of the answer. Typical of a server that answers and closes before it has read the whole request, or of a process that is killed. Next: look for restarts of the pod, limits of the body size, and errors in the log of the server.',
    'epm',
    [scope.perMinute('kubeskoop_tcpext_tcpabortonclose', 'unread')],
  ),

  memory: panel.timeseries(
    'Killed for want of memory',
    'TCP had no memory, or there were too many orphans. Failed: there was not even memory for the reset. It hits any connection of the node. Next: look at TCP memory and orphans on the Node dashboard; raise net.ipv4.tcp_mem or tcp_max_orphans, or find the pod with long queues.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcpabortonmemory', 'killed'),
      scope.perMinute('kubeskoop_tcpext_tcpabortfailed', 'reset failed'),
    ],
  ),

  paws: panel.timeseries(
    'Refused by PAWS',
    'Segments whose time stamp is older than one already seen. Clients behind one NAT with clocks of their own, or very many short connections that use a port again, look so. Next: look for NAT between client and server, and for net.ipv4.tcp_tw_reuse at the client; switch off time stamps (net.ipv4.tcp_timestamps) only to see whether it is that.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_pawsestab', 'established'),
      scope.perMinute('kubeskoop_tcpext_pawsactive', 'while connecting'),
      scope.perMinute('kubeskoop_tcpext_tcpackskippedpaws', 'acknowledgement held back'),
    ],
  ),

  skipped: panel.timeseries(
    'Acknowledgements held back',
    'The kernel answers segments out of place only so often (net.ipv4.tcp_invalid_ratelimit); what is beyond counts here, by the state of the connection. SYN_RECV: handshakes repeat, the last acknowledgement does not arrive. Sequence: the two sides disagree, as after NAT sent the connection elsewhere. Challenge: somebody guesses, or the peer was restarted. Next: capture one such connection on both sides and compare sequence numbers.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcpackskippedsynrecv', 'SYN_RECV'),
      scope.perMinute('kubeskoop_tcpext_tcpackskippedseq', 'sequence'),
      scope.perMinute('kubeskoop_tcpext_tcpackskippedfinwait2', 'FIN_WAIT_2'),
      scope.perMinute('kubeskoop_tcpext_tcpackskippedtimewait', 'TIME_WAIT'),
      scope.perMinute('kubeskoop_tcpext_tcpackskippedchallenge', 'challenge'),
    ],
  ),

  embryonic: panel.timeseries(
    'Half-open connections reset',
    'Resets that came for connections still in the handshake: health checks that only send a SYN, port scanners, or clients that had given up. Next: see whether it is as regular as a health check; if not, see where the SYNs come from (ss -nt state syn-recv, tcpdump).',
    'epm',
    [scope.perMinute('kubeskoop_tcpext_embryonicrsts', 'half-open')],
  ),
}
