a=ice-ufrag:P7RzLIMCN3KTF2ZsmqDoosRnoRv4GciT
a=ice-pwd:s0uA7LUIFbfxtnxl+iTTmb5Jomngp3NZ
m=audio 9 RTP/AVP 0
a=mid:video0
a=end-of-candidates
