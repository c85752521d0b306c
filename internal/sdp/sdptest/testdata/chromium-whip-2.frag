a=ice-ufrag:EPlw
a=ice-pwd:MOPTiVSeuEOf8DguO3cpWqIq
m=audio 46817 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
a=mid:0
a=end-of-candidates
