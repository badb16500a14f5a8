// Connection tracking, of one scope.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  insertFailed: panel.timeseries(
    'Conntrack races lost',
    'Two packets of one new flow, mostly the A and AAAA queries of one socket, raced to become an entry, and one of the two was dropped: the client waits 5 s and asks again. It is counted in the namespace that does NAT, mostly the node. Next: have resolv.conf of the clients say options single-request-reopen or use-vc, or run NodeLocal DNSCache, which spares them the NAT.',
    'epm',
    [scope.perMinute('kubeskoop_conntrack_insertfailed', 'lost')],
  ),

  refused: panel.timeseries(
    'Packets conntrack refused',
    'Dropped: no entry could be made, the table is full. Evicted: an entry had to go to make room. Invalid: the packet fits no connection; it is not dropped by conntrack, but often by a rule for the state INVALID, which ends in a reset. Error: bad ICMP and the like. Next: dropped or evicted, raise net.netfilter.nf_conntrack_max or find who opens so many connections; invalid, look for asymmetric routes.',
    'epm',
    [
      scope.perMinute('kubeskoop_conntrack_drop', 'dropped'),
      scope.perMinute('kubeskoop_conntrack_earlydrop', 'evicted'),
      scope.perMinute('kubeskoop_conntrack_invalid', 'invalid'),
      scope.perMinute('kubeskoop_conntrack_error', 'error'),
    ],
  ),

  entries: panel.timeseries(
    'Conntrack entries',
    'Connections and flows in the table. It climbs without more traffic: entries of UDP or of connections never closed wait for their time-out. Next: conntrack -L tells whose they are; the limit is on the Node dashboard.',
    'short',
    [scope.now('kubeskoop_conntrack_entries', 'entries')],
  ),

  fill: panel.timeseries(
    'Conntrack table, part in use',
    'Entries against the most the table may hold. At 100 % new connections are dropped without a word, of every pod of the node. Next: above 80 % raise net.netfilter.nf_conntrack_max (and the hash size), and find who holds the entries (conntrack -L).',
    'percentunit',
    [scope.partOfGauge('kubeskoop_conntrack_entries', 'kubeskoop_conntrack_maxentries', 'in use')],
  ),

  lookups: panel.timeseries(
    'Conntrack lookups',
    'Found: lookups that hit an entry, counted on some kernels only. Ignored and inserted are 0 on most kernels. Started again: the hash table changed during a lookup; many of them cost CPU in softirqs. Next: if lookups start again all the time, something resizes the table, or it is far too small for its entries.',
    'ops',
    [
      scope.perSecond('kubeskoop_conntrack_found', 'found'),
      scope.perSecond('kubeskoop_conntrack_searchrestart', 'started again'),
      scope.perSecond('kubeskoop_conntrack_ignore', 'ignored'),
      scope.perSecond('kubeskoop_conntrack_insert', 'inserted'),
    ],
  ),
}
