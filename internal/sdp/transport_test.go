package sdp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

func TestW48_ActpassIsAnsweredPassive(t *testing.T) {
	for _, offer := range []string{sdptest.Base(), sdptest.OBS(), sdptest.Base(sdptest.Without("a=setup"))} {
		a := published(t, offer)
		a.want(t, 0, "setup", "passive")
		a.want(t, 1, "setup", "passive")
	}
}

func TestW49_ActiveIsAnsweredPassive(t *testing.T) {
	media := sdptest.Base(sdptest.Replace("setup:actpass", "setup:active"))
	session := sdptest.OBS(sdptest.Replace("setup:actpass", "setup:active"))
	for _, offer := range []string{media, session} {
		if o := parse(t, sdp.Publisher, offer); o.Setup != sdp.Active {
			t.Errorf("setup %v", o.Setup)
		}
		published(t, offer).want(t, 0, "setup", "passive")
	}
}

func TestW50_PassiveIsAnsweredActive(t *testing.T) {
	session := sdptest.OBS(sdptest.Replace("setup:actpass", "setup:passive"))
	for _, offer := range []string{sdptest.FFmpeg(), session} {
		o := parse(t, sdp.Publisher, offer)
		if o.Setup != sdp.Passive || o.AnswerSetup() != sdp.Active {
			t.Errorf("setup %v, answer %v", o.Setup, o.AnswerSetup())
		}
		a := ours(o)
		a.Setup = sdp.ActPass // the zero value: choose
		readAnswer(t, o.Answer(a)).want(t, 1, "setup", "active")
	}
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("setup:actpass", "setup:holdconn")), false, sdp.CodeUnsupportedSetup)
}

func TestW51_Fingerprint(t *testing.T) {
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Without("a=fingerprint")), true, sdp.CodeNoFingerprint)
	hash := strings.TrimPrefix(sdptest.Fingerprint, "sha-256 ")
	for name, bad := range map[string]string{
		"short": "sha-256 AA:BB", "empty": "sha-256", "not hexadecimal": "sha-256 " + strings.Replace(hash, "DD", "XX", 1),
		"no colon": "sha-256 " + strings.Replace(hash, ":", "-", 1), "length of another hash": "sha-512 " + hash,
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace(sdptest.Fingerprint, bad)), true, sdp.CodeNoFingerprint)
		})
	}
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace(sdptest.Fingerprint, "md5 AA:BB")), false, sdp.CodeUnsupportedFingerprint)

	// Several are kept, unknown ones skipped, case does not matter.
	o := parse(t, sdp.Publisher, sdptest.Base(
		sdptest.Replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-1 AA:BB\r\na=fingerprint:SHA-256 "),
		sdptest.Replace(hash, strings.ToLower(hash))))
	if want := []sdp.Fingerprint{{Algorithm: "sha-256", Value: hash}}; !slices.Equal(o.Fingerprints, want) {
		t.Errorf("fingerprints %v", o.Fingerprints)
	}
}

func TestW52_CredentialsAtEitherLevel(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.OBS())
	if o.Ufrag != sdptest.Ufrag || len(o.Pwd) != 22 || len(o.Fingerprints) != 1 {
		t.Errorf("credentials %q %q, fingerprints %v", o.Ufrag, o.Pwd, o.Fingerprints)
	}
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Without("a=ice-ufrag")), true, sdp.CodeNoICECredentials)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Without("a=ice-pwd")), true, sdp.CodeNoICECredentials)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("a=ice-ufrag:EsAw", "a=ice-ufrag:EsA")), true, sdp.CodeNoICECredentials)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace(sdptest.Pwd, sdptest.Pwd[:21])), true, sdp.CodeNoICECredentials)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("a=ice-ufrag:EsAw", "a=ice-ufrag:"+strings.Repeat("x", 257))), true, sdp.CodeNoICECredentials)
}

func TestW52_TaggedSectionDecides(t *testing.T) {
	video := sdptest.Section("1", sdptest.Replace("ice-ufrag:EsAw", "ice-ufrag:other"))
	if o := parse(t, sdp.Publisher, sdptest.Base(video)); o.Ufrag != "EsAw" {
		t.Errorf("ufrag %q, not that of the first section in the group", o.Ufrag)
	}
	if o := parse(t, sdp.Publisher, sdptest.Base(sdptest.Session("a=ice-ufrag:session"))); o.Ufrag != "EsAw" {
		t.Errorf("ufrag %q, not the section's own", o.Ufrag)
	}
	if o := parse(t, sdp.Publisher, sdptest.Base(video, sdptest.Replace("BUNDLE 0 1", "BUNDLE 1 0"))); o.Ufrag != "other" {
		t.Errorf("ufrag %q, not that of the first section in the group", o.Ufrag)
	}
}

func TestW53_AnyMID(t *testing.T) {
	a := published(t, sdptest.GStreamer())
	a.want(t, 0, "mid", "video0")
	a.want(t, 1, "mid", "audio1")
	published(t, sdptest.AudioOnly(sdptest.Replace("a=mid:0", "a=mid:a-Z_{9}~"), sdptest.Replace("BUNDLE 0", "BUNDLE a-Z_{9}~"))).want(t, 0, "mid", "a-Z_{9}~")
}

func TestW58_ValidJSEP(t *testing.T) {
	everyOffer(t, func(t *testing.T, role sdp.Role, text string) {
		a := answered(t, role, text)
		if a.Version != 0 || a.Origin.Username != "-" || a.Origin.SessionID != 4711 || string(a.SessionName) != "-" {
			t.Errorf("head: %v %v %v", a.Version, a.Origin, a.SessionName)
		}
		if len(a.TimeDescriptions) != 1 || a.TimeDescriptions[0].Timing.StartTime != 0 {
			t.Error("t= is not 0 0")
		}
		for i, m := range a.MediaDescriptions {
			if m.ConnectionInformation == nil {
				t.Errorf("section %d lacks c=", i)
			}
			if strings.Count(text, strings.Join(m.MediaName.Protos, "/")) == 0 {
				t.Errorf("section %d: protocol %v was not offered", i, m.MediaName.Protos)
			}
		}
	})
	o := parse(t, sdp.Publisher, sdptest.Base())
	a := ours(o)
	a.SessionID = 1<<63 | 5
	if got := readAnswer(t, o.Answer(a)).Origin.SessionID; got != 5 {
		t.Errorf("session id %d has its highest bit", got)
	}
}

func TestW61_CandidatesInTheTaggedSection(t *testing.T) {
	a := published(t, sdptest.Base())
	if got := a.values(0, "candidate"); len(got) != 3 || !strings.Contains(got[0], " 1 udp ") {
		t.Errorf("candidates %q", got)
	}
	a.want(t, 0, "end-of-candidates", "")
	if a.has(1, "candidate") || a.has(1, "end-of-candidates") {
		t.Error("candidates outside the tagged section")
	}
}

func TestW64_HopelessCandidatesNeverFail(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.Base(sdptest.Candidates("0",
		"candidate:1 1 udp 1 4f3e2ae1-4e60-4ac5-b538-29ccec3a1fac.local 33129 typ host",
		"candidate:1 1 udp 1 nosuch.invalid 33129 typ host", "candidate:garbage", "candidate:")))
	if len(o.Candidates) != 0 {
		t.Errorf("kept %q", o.Candidates)
	}
}

func TestW65_Lite(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.Base())
	a := ours(o)
	if readAnswer(t, o.Answer(a)).has(-1, "ice-lite") {
		t.Error("a full agent says it is lite")
	}
	a.Lite = true
	readAnswer(t, o.Answer(a)).want(t, -1, "ice-lite", "")
	if o.Lite || !parse(t, sdp.Publisher, sdptest.Base(sdptest.Session("a=ice-lite"))).Lite {
		t.Error("the offerer's ice-lite is misread")
	}
}

func TestW66_TrickleOption(t *testing.T) {
	published(t, sdptest.Base()).want(t, -1, "ice-options", "trickle")
}
