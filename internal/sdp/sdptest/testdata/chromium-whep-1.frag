a=ice-ufrag:c2EM
a=ice-pwd:AfejTnZh5r+b4QK33RFxxdjO
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 35 36 37 38 102 103 104 107 108 109 114 115 116 117 39 40 41 42 43 44 45 46 47 48 118 119 120 49
a=mid:0
a=candidate:2307871439 1 udp 2113937151 4f3e2ae1-4e60-4ac5-b538-29ccec3a1fac.local 33129 typ host generation 0 ufrag c2EM network-cost 999
a=end-of-candidates
