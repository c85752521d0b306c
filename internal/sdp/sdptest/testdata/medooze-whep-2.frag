a=ice-ufrag:5kfF
a=ice-pwd:JJLZjXEsTT1Pe/pkAZ1CxRim
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=end-of-candidates
