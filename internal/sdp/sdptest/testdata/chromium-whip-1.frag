a=ice-ufrag:EPlw
a=ice-pwd:MOPTiVSeuEOf8DguO3cpWqIq
m=audio 46817 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
a=mid:0
a=candidate:2003206294 1 udp 2122260223 127.0.0.1 46817 typ host generation 0 ufrag EPlw network-id 1 network-cost 50
a=candidate:4156648603 1 udp 2122129151 10.77.0.2 34556 typ host generation 0 ufrag EPlw network-id 2
a=candidate:3560918538 1 udp 2122199807 fd77::2 49718 typ host generation 0 ufrag EPlw network-id 3
