#!/usr/bin/python3
"""GStreamer's webrtcbin as a WHIP publisher and a WHEP subscriber, for the tests.

    gst.py publish URL [--codec h264|vp8] [--token T] [--seconds N]
    gst.py play URL [--token T] [--seconds N]

Prints one JSON object a line: {"event": "connected"}, a {"event": "stats", ...} every second,
{"event": "end"}. Ends after N seconds, on SIGTERM or when standard input closes; then the
session is deleted. Errors go to standard error; the exit status is 1.

webrtcbin does not trickle here: the offer is POSTed once all candidates are in it.
"""

import argparse
import json
import signal
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

HTTP_TIMEOUT = 10  # seconds, for each of POST and DELETE

ENCODERS = {  # {video} is the payload type
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=800"
    " ! video/x-h264,profile=constrained-baseline"
    " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency pt={video}"
    " ! application/x-rtp,media=video,encoding-name=H264,payload={video}",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=60 target-bitrate=800000"
    " ! rtpvp8pay picture-id-mode=2 pt={video}"
    " ! application/x-rtp,media=video,encoding-name=VP8,payload={video}",
}

PUBLISH = """
webrtcbin name=webrtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball
  ! video/x-raw,format=I420,width=640,height=360,framerate=30/1
  ! queue max-size-buffers=2 leaky=downstream ! {encoder} ! webrtc.
audiotestsrc is-live=true wave=sine freq=440 ! audio/x-raw,rate=48000,channels=2
  ! queue ! opusenc ! rtpopuspay pt={audio}
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload={audio} ! webrtc.
"""

# What play offers, per section and in order of preference.
OFFERED_AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000"
OFFERED_VIDEO = ";".join(
    (
        "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,"
        "packetization-mode=(string)1,profile-level-id=(string)42e01f",
        "application/x-rtp,media=video,encoding-name=VP8,payload=97,clock-rate=90000",
        "application/x-rtp,media=video,encoding-name=VP9,payload=98,clock-rate=90000",
    )
)


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def loopback(webrtc):
    """Lets webrtcbin use the loopback address, which libnice by itself leaves out: the tests' node
    is on this machine. What it returns must be kept: Python takes over webrtcbin's only reference
    to its agent."""
    agent = webrtc.get_property("ice-agent")
    agent.emit("add-local-ip-address", "127.0.0.1")
    return agent


def new_pipeline(name):
    """A pipeline with a webrtcbin that takes what the far end sends."""
    pipeline = Gst.Pipeline.new(name)
    webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
    webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)
    return pipeline, webrtc


class Session:
    """The HTTP side: one POST, one DELETE."""

    def __init__(self, endpoint, token):
        self.endpoint = endpoint
        self.token = token
        self.location = None

    def _request(self, method, url, body=None):
        request = urllib.request.Request(url, data=body, method=method)
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        if body is not None:
            request.add_header("Content-Type", "application/sdp")
        return urllib.request.urlopen(request, timeout=HTTP_TIMEOUT)

    def post(self, offer):
        with self._request("POST", self.endpoint, offer.encode()) as response:
            if response.status != 201:
                raise RuntimeError(f"POST: status {response.status}, want 201")
            self.location = urllib.parse.urljoin(self.endpoint, response.headers["Location"])
            return response.read().decode()

    def delete(self):
        if self.location:
            self._request("DELETE", self.location).close()
            self.location = None


class Peer:
    """What publisher and subscriber share: offer, answer, main loop."""

    def __init__(self, pipeline, session):
        self.pipeline = pipeline
        self.session = session
        self.loop = GLib.MainLoop()
        self.failed = False
        self.posted = False
        self.webrtc = pipeline.get_by_name("webrtc")
        self.agent = loopback(self.webrtc)
        self.webrtc.connect("on-negotiation-needed", self._negotiate)
        self.webrtc.connect("notify::ice-gathering-state", self._gathered)
        self.webrtc.connect("notify::connection-state", self._state)
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._bus_error)

    def stats(self):
        return {}

    def run(self, seconds):
        signal.signal(signal.SIGTERM, lambda *_: self.loop.quit())
        GLib.timeout_add(100, lambda: True)  # lets Python's signal handlers run
        GLib.timeout_add_seconds(1, self._tick)
        GLib.timeout_add_seconds(seconds, self.loop.quit)
        threading.Thread(target=self._until_stdin_closes, daemon=True).start()
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        try:
            self.session.delete()
        except urllib.error.URLError as err:
            self.fail(f"DELETE: {err}")
        say("end")
        return 1 if self.failed else 0

    def fail(self, reason):
        print("gst.py:", reason, file=sys.stderr, flush=True)
        self.failed = True
        self.loop.quit()

    def _until_stdin_closes(self):
        sys.stdin.read()
        GLib.idle_add(self.loop.quit)

    def _tick(self):
        say("stats", **self.stats())
        return True

    def _bus_error(self, _bus, message):
        err, debug = message.parse_error()
        self.fail(f"{err.message} ({debug})")

    def _state(self, webrtc, _spec):
        state = webrtc.get_property("connection-state").value_nick
        say(state)
        if state == "failed":
            self.fail("the connection failed")

    def _negotiate(self, webrtc):
        promise = Gst.Promise.new_with_change_func(self._offered, webrtc)
        webrtc.emit("create-offer", None, promise)

    def _offered(self, promise, webrtc):
        reply = promise.get_reply()  # owns the offer: must outlive the call below
        webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def _gathered(self, webrtc, _spec):
        state = webrtc.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.posted:
            self.posted = True
            threading.Thread(target=self._exchange, daemon=True).start()

    def _exchange(self):
        try:
            offer = self.webrtc.get_property("local-description").sdp.as_text()
            answer = self.session.post(offer)
        except urllib.error.HTTPError as err:
            GLib.idle_add(self.fail, f"POST: {err} {err.read().decode(errors='replace')}")
            return
        except (OSError, RuntimeError) as err:
            GLib.idle_add(self.fail, f"POST: {err}")
            return
        GLib.idle_add(self._answered, answer)

    def _answered(self, answer):
        result, message = GstSdp.SDPMessage.new_from_text(answer)
        if result != GstSdp.SDPResult.OK:
            self.fail("the answer is no SDP")
            return
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", description, Gst.Promise.new())


class Decoder:
    """Decodes what arrives at a webrtcbin, and counts it."""

    def __init__(self, pipeline, webrtc):
        self.pipeline = pipeline
        self.counts = {"audio": 0, "video": 0}
        self.size = None  # of the picture, width and height
        self.contrast = 0  # of the last picture: largest less smallest byte
        self.loud = 0  # largest sample seen, 0 to 32768
        webrtc.connect("pad-added", self._pad_added)

    def stats(self):
        return {**self.counts, "size": self.size or [0, 0], "contrast": self.contrast, "loud": self.loud}

    def _pad_added(self, _webrtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decode = Gst.ElementFactory.make("decodebin")
        decode.connect("pad-added", self._decoded)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def _decoded(self, _decode, pad):
        kind = pad.get_current_caps().get_structure(0).get_name().split("/")[0]
        convert = "videoconvert ! video/x-raw,format=I420" if kind == "video" else (
            "audioconvert ! audio/x-raw,format=S16LE")
        tail = Gst.parse_bin_from_description(
            f"queue ! {convert} ! fakesink name=sink signal-handoffs=true sync=false", True)
        self.pipeline.add(tail)
        tail.sync_state_with_parent()
        tail.get_by_name("sink").connect("handoff", self._video if kind == "video" else self._audio)
        pad.link(tail.get_static_pad("sink"))

    def _video(self, _sink, buffer, pad):
        self.counts["video"] += 1
        caps = pad.get_current_caps().get_structure(0)
        self.size = [caps.get_value("width"), caps.get_value("height")]
        data = buffer.extract_dup(0, self.size[0] * self.size[1])
        self.contrast = max(data) - min(data)

    def _audio(self, _sink, buffer, _pad):
        self.counts["audio"] += 1
        data = memoryview(buffer.extract_dup(0, buffer.get_size())).cast("h")
        self.loud = max(self.loud, max(data, default=0))


class Subscriber(Peer):
    """Plays a stream."""

    def __init__(self, session):
        pipeline, webrtc = new_pipeline("play")
        super().__init__(pipeline, session)
        self.stats = Decoder(pipeline, webrtc).stats
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        for caps in (OFFERED_AUDIO, OFFERED_VIDEO):
            transceiver = webrtc.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
            transceiver.set_property("do-nack", True)


def sending(codec, video=96, audio=111):
    """A pipeline with a webrtcbin that sends a test picture and sound with these payload types."""
    return Gst.parse_launch(PUBLISH.format(encoder=ENCODERS[codec].format(video=video), audio=audio))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("publish", "play"))
    parser.add_argument("url")
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="h264")
    parser.add_argument("--token", default="")
    parser.add_argument("--seconds", type=int, default=3600)  # longer than any test
    options = parser.parse_args()
    Gst.init(None)
    session = Session(options.url, options.token)
    peer = Peer(sending(options.codec), session) if options.action == "publish" else Subscriber(session)
    sys.exit(peer.run(options.seconds))


if __name__ == "__main__":
    main()
