import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildFragment, credentials, iceServers, parseLinks, restartedAnswer, sections, withStereo } from '../static/assets/signal.js';

const offer = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 50000 UDP/TLS/RTP/SAVPF 111 63', 'c=IN IP4 0.0.0.0', 'a=candidate:1 1 udp 1 10.0.0.1 50000 typ host', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901', 'a=mid:0',
  'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901', 'a=mid:1', '',
].join('\r\n');

test('links joined by fetch come apart, with commas and semicolons in quotes', () => {
  const links = parseLinks('<stun:s.example:3478>; rel="ice-server", <turn:t.example?transport=udp>; rel="ice-server"; username="1:a,b;c"; credential="q\\"q"; credential-type="password",<https://x/y,z>;rel=next');
  assert.equal(links.length, 3);
  assert.deepEqual(links[1], { url: 'turn:t.example?transport=udp', rel: 'ice-server', params: { username: '1:a,b;c', credential: 'q"q', 'credential-type': 'password' } });
  assert.equal(links[2].url, 'https://x/y,z');
  assert.equal(links[2].rel, 'next');
});

test('broken links are skipped and never loop', () => {
  assert.deepEqual(parseLinks(null), []);
  assert.deepEqual(parseLinks('nonsense, <a>; rel=x; ; =, <b'), [{ url: 'a', rel: 'x', params: {} }]);
  assert.equal(parseLinks('<a>; rel=x,'.repeat(1000)).length, 64);
  assert.deepEqual(parseLinks('<a>; REL=one; rel=two')[0].rel, 'one');
});

test('ice servers are the stun and turn links only', () => {
  const links = parseLinks('<stun:s>; rel="ice-server", <turns:t>; rel="ice-server"; username="u"; credential="c", <https://e>; rel="ice-server", <stun:n>; rel="other"');
  assert.deepEqual(iceServers(links), [{ urls: 'stun:s' }, { urls: 'turns:t', username: 'u', credential: 'c' }]);
});

test('credentials and sections of a description', () => {
  assert.deepEqual(credentials(offer), { ufrag: 'abcd', pwd: '0123456789012345678901' });
  assert.deepEqual(sections(offer).map((s) => [s.media, s.mid, s.format]), [['audio', '0', '111'], ['video', '1', '96']]);
});

test('a fragment names its section, keeps its generation and says the end once', () => {
  const fragment = buildFragment(offer, [
    { candidate: 'candidate:1 1 udp 1 10.0.0.1 5 typ host', sdpMid: '0', usernameFragment: 'abcd' },
    { candidate: 'candidate:2 1 udp 1 10.0.0.2 5 typ host', sdpMid: '1' },
    { candidate: 'candidate:3 1 udp 1 10.0.0.3 5 typ host', sdpMid: '0', usernameFragment: 'old' },
  ], true);
  assert.equal(fragment, [
    'a=group:BUNDLE 0 1', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=candidate:1 1 udp 1 10.0.0.1 5 typ host', 'a=end-of-candidates',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=candidate:2 1 udp 1 10.0.0.2 5 typ host', '',
  ].join('\r\n'));
});

test('a fragment without candidates still has credentials and a section', () => {
  assert.match(buildFragment(offer, [], true), /^a=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:\w+\r\nm=audio 9 .*\r\na=mid:0\r\na=end-of-candidates\r\n$/);
});

test('a candidate without mid goes by its index', () => {
  assert.match(buildFragment(offer, [{ candidate: 'candidate:9 1 udp 1 10.0.0.9 5 typ host', sdpMLineIndex: 1 }], false), /a=mid:1\r\na=candidate:9/);
});

test('a restarted answer has the new credentials everywhere and only the new candidates', () => {
  const answer = restartedAnswer(offer, 'a=ice-ufrag:NEWU\r\na=ice-pwd:newpwdnewpwdnewpwdnewp\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:7 1 udp 1 10.0.0.7 7 typ host\r\na=end-of-candidates\r\n');
  assert.equal(answer.match(/a=ice-ufrag:NEWU\r\n/g).length, 2);
  assert.equal(answer.match(/a=ice-pwd:newpwdnewpwdnewpwdnewp\r\n/g).length, 2);
  assert.doesNotMatch(answer, /abcd|candidate:1 /);
  assert.match(answer, /o=- 1 3 IN/);
  const [audio, video] = answer.split(/(?=m=)/).slice(1);
  assert.match(audio, /a=candidate:7 .*\r\na=end-of-candidates\r\n$/);
  assert.doesNotMatch(video, /candidate/);
  assert.throws(() => restartedAnswer(offer, 'a=ice-ufrag:x\r\n'));
});

test('stereo is asked for once, for opus only', () => {
  const once = withStereo(offer);
  assert.match(once, /a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n/);
  assert.equal(withStereo(once), once);
});
