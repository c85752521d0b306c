a=ice-ufrag:+Wx/
a=ice-pwd:OnsNWzmTB7pldvpHYeLdtvEG
m=audio 48390 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
a=mid:0
a=end-of-candidates
