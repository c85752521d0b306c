a=ice-ufrag:5kfF
a=ice-pwd:JJLZjXEsTT1Pe/pkAZ1CxRim
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:4258857415 1 udp 2113937151 1e59e964-f19c-46e4-835d-02a3ba851b95.local 56827 typ host generation 0 ufrag 5kfF network-cost 999
