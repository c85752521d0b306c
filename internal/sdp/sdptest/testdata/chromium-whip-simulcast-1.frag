a=ice-ufrag:+Wx/
a=ice-pwd:OnsNWzmTB7pldvpHYeLdtvEG
m=audio 48390 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
a=mid:0
a=candidate:1753322494 1 udp 2122260223 127.0.0.1 48390 typ host generation 0 ufrag +Wx/ network-id 1 network-cost 50
a=candidate:3894837235 1 udp 2122129151 10.77.0.2 54617 typ host generation 0 ufrag +Wx/ network-id 2
a=candidate:3419954530 1 udp 2122199807 fd77::2 53635 typ host generation 0 ufrag +Wx/ network-id 3
