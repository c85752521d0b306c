a=ice-ufrag:hG57
a=ice-pwd:Fw5V/3inxapm2ZJ4LIjYiHz5
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:3672157872 1 udp 2122260223 127.0.0.1 50437 typ host generation 0 ufrag hG57 network-id 1 network-cost 50
a=candidate:1514619581 1 udp 2122129151 10.77.0.2 33908 typ host generation 0 ufrag hG57 network-id 2
a=candidate:2042191916 1 udp 2122199807 fd77::2 34332 typ host generation 0 ufrag hG57 network-id 3
