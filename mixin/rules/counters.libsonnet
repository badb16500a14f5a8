// What records are made of: the name in records, and the metrics that are added up.
{
  // Bytes a second.
  netdev_rxbytes: ['kubeskoop_netdev_rxbytes'],
  netdev_txbytes: ['kubeskoop_netdev_txbytes'],
  // Packets a second that the kernel dropped for a reason other than being malformed.
  packetloss_abnormal: ['kubeskoop_packetloss_abnormal'],
  // Segments a second sent again, and sent: their quotient is the ratio of retransmissions.
  tcp_retranssegs: ['kubeskoop_tcp_retranssegs'],
  tcp_outsegs: ['kubeskoop_tcp_outsegs'],
  // Connections cut off and segments with RST sent, a second.
  tcp_resets: ['kubeskoop_tcp_estabresets', 'kubeskoop_tcp_outrsts'],
  // Connections a second that LISTEN sockets dropped.
  tcpext_listendrops: ['kubeskoop_tcpext_listendrops'],
  // Handshakes a second that failed.
  tcp_attemptfails: ['kubeskoop_tcp_attemptfails'],
  // Datagrams a second that could not be delivered or sent.
  udp_errors: ['kubeskoop_udp_inerrors', 'kubeskoop_udp_sndbuferrors'],
  // Datagrams a second without a socket.
  udp_noports: ['kubeskoop_udp_noports'],
  // Packets a second that CPU backlogs dropped, and rounds of packet processing that ended with work left.
  softnet_dropped: ['kubeskoop_softnet_dropped'],
  softnet_timesqueeze: ['kubeskoop_softnet_timesqueeze'],
  // Races a second lost in conntrack.
  conntrack_insertfailed: ['kubeskoop_conntrack_insertfailed'],
}
