#!/usr/bin/python3
"""GStreamer's webrtcbin as a WHIP and a WHEP server of another vendor, for the tests.

    gstserver.py PORT [--token T]

POST /whip takes an offer and decodes what comes, POST /whep answers with a test picture and
sound; each 201 has a relative Location, which DELETE ends. One session of each at a time: a
second one gets 409. Prints {"event": "listening"}, a {"event": "stats", ...} of the WHIP session
every second, and {"event": "deleted", "path": ...}. Ends on SIGTERM or when standard input closes.
"""

import argparse
import http.server
import signal
import sys
import threading

import gst
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

ANSWER_TIMEOUT = 10  # seconds


def payload_type(offer, codec):
    """The first payload type that an offer gives a codec; for H264 in packetization mode 1."""
    lines = offer.splitlines()
    types = [line.split(":")[1].split()[0] for line in lines
             if line.startswith("a=rtpmap:") and line.split()[1].lower().startswith(codec.lower() + "/")]
    modes = [pt for pt in types if any(
        line.startswith(f"a=fmtp:{pt} ") and "packetization-mode=1" in line for line in lines)]
    return (modes if codec == "H264" else types)[0]


class Peer:
    """One session. Everything but answer belongs to the main loop."""

    def __init__(self, offer, plays):
        if plays:
            self.pipeline = gst.sending("h264", payload_type(offer, "H264"), payload_type(offer, "opus"))
            self.webrtc = self.pipeline.get_by_name("webrtc")
        else:
            self.pipeline, self.webrtc = gst.new_pipeline("whip")
            self.webrtc.connect("on-new-transceiver", self._transceiver)
            self.decoder = gst.Decoder(self.pipeline, self.webrtc)
        self.agent = gst.loopback(self.webrtc)
        self.webrtc.connect("notify::ice-gathering-state", self._gathered)
        self.gathered = threading.Event()
        self.pipeline.set_state(Gst.State.PLAYING)
        self._describe(offer)

    def answer(self):
        """Waits for the answer with all candidates in it; None: there is none."""
        if not self.gathered.wait(ANSWER_TIMEOUT):
            return None
        return self.webrtc.get_property("local-description").sdp.as_text()

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)

    @staticmethod
    def _transceiver(_webrtc, transceiver):
        transceiver.set_property("do-nack", True)

    def _describe(self, offer):
        _, message = GstSdp.SDPMessage.new_from_text(offer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, message)
        self.webrtc.emit("set-remote-description", description, Gst.Promise.new_with_change_func(self._offered))

    def _offered(self, _promise):
        self.webrtc.emit("create-answer", None, Gst.Promise.new_with_change_func(self._answered))

    def _answered(self, promise):
        reply = promise.get_reply()  # owns the answer: must outlive the call below
        self.webrtc.emit("set-local-description", reply.get_value("answer"), Gst.Promise.new())

    def _gathered(self, webrtc, _spec):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()


class Server(http.server.BaseHTTPRequestHandler):
    """Requests, each on a thread of its own. What they do to sessions is done in the main loop."""

    protocol_version = "HTTP/1.1"
    token = ""
    peers = {}  # by path of the endpoint

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path not in ("/whip", "/whep"):
            return self._reply(404)
        if self.token and self.headers["Authorization"] != "Bearer " + self.token:
            return self._reply(401)
        if self.headers["Content-Type"] != "application/sdp":
            return self._reply(415)
        peer = self._do(self._begin, offer)
        if peer is None:
            return self._reply(409)
        answer = peer.answer()
        if answer is None:
            self._do(self._end)
            return self._reply(500)
        return self._reply(201, answer.encode(), ("Content-Type", "application/sdp"), ("Location", self.path[1:] + "/only"))

    def do_DELETE(self):
        self.path = self.path.removesuffix("/only")
        if not self._do(self._end):
            return self._reply(404)
        gst.say("deleted", path=self.path)
        return self._reply(200)

    def _begin(self, offer):
        if self.path in self.peers:
            return None
        self.peers[self.path] = Peer(offer, self.path == "/whep")
        return self.peers[self.path]

    def _end(self):
        peer = self.peers.pop(self.path, None)
        if peer:
            peer.close()
        return peer is not None

    @staticmethod
    def _do(call, *args):
        result, done = [], threading.Event()

        def run():
            try:
                result.append(call(*args))
            finally:
                done.set()

        GLib.idle_add(run)
        done.wait()
        return result[0]

    def _reply(self, status, body=b"", *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def tick():
    peer = Server.peers.get("/whip")
    if peer:
        gst.say("stats", **peer.decoder.stats())
    return True


def until_stdin_closes(loop):
    sys.stdin.read()
    GLib.idle_add(loop.quit)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    Gst.init(None)
    Server.token = options.token
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    loop = GLib.MainLoop()
    signal.signal(signal.SIGTERM, lambda *_: loop.quit())
    GLib.timeout_add(100, lambda: True)  # lets Python's signal handlers run
    GLib.timeout_add_seconds(1, tick)
    threading.Thread(target=until_stdin_closes, args=(loop,), daemon=True).start()
    gst.say("listening")
    loop.run()
    for peer in Server.peers.values():
        peer.close()


if __name__ == "__main__":
    main()
