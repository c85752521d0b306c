a=ice-ufrag:hG57
a=ice-pwd:Fw5V/3inxapm2ZJ4LIjYiHz5
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=end-of-candidates
