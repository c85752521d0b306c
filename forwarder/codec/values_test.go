package codec_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

func TestAbsCaptureTime(t *testing.T) {
	tests := []struct {
		name, value string
		want        codec.AbsCaptureTimeValue
		ok          bool
	}{
		{"short", "0102030405060708", codec.AbsCaptureTimeValue{Capture: 0x0102030405060708}, true},
		{"with offset", "0102030405060708 ffffffff80000000", codec.AbsCaptureTimeValue{Capture: 0x0102030405060708, HasOffset: true, ClockOffset: -1 << 31}, true},
		{"empty", "", codec.AbsCaptureTimeValue{}, false},
		{"nine bytes", "010203040506070809", codec.AbsCaptureTimeValue{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value := unhex(t, test.value)
			got, ok := codec.ParseAbsCaptureTime(value)
			if got != test.want || ok != test.ok {
				t.Errorf("%+v, %v", got, ok)
			}
			if ok && !bytes.Equal(got.Append(nil), value) {
				t.Errorf("written as %x", got.Append(nil))
			}
		})
	}
}

// TestChromiumCaptureTime reads a browser's: it is near the day of the capture.
func TestChromiumCaptureTime(t *testing.T) {
	const captureTimeID = 13
	v, ok := codec.ParseAbsCaptureTime(readFixture(t, "av1-chromium-l1t3")[0].GetExtension(captureTimeID))
	const ntpToUnix = 2208988800
	at := time.Unix(int64(v.Capture>>32)-ntpToUnix, 0)
	if !ok || at.Year() < 2024 || at.Year() > 2036 || !v.HasOffset {
		t.Errorf("captured at %v, %+v, %v", at, v, ok)
	}
}

func TestPlayoutDelay(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name, value string
		want        codec.PlayoutDelayValue
		ok          bool
	}{
		{"zero", "000000", codec.PlayoutDelayValue{}, true},
		{"both", "00a064", codec.PlayoutDelayValue{Min: 100 * ms, Max: 1000 * ms}, true},
		{"largest", "ffffff", codec.PlayoutDelayValue{Min: 40950 * ms, Max: 40950 * ms}, true},
		{"minimum above maximum", "00b00a", codec.PlayoutDelayValue{Min: 110 * ms, Max: 100 * ms}, false},
		{"two bytes", "0000", codec.PlayoutDelayValue{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value := unhex(t, test.value)
			got, ok := codec.ParsePlayoutDelay(value)
			if got != test.want || ok != test.ok {
				t.Errorf("%+v, %v", got, ok)
			}
			if ok && !bytes.Equal(got.Append(nil), value) {
				t.Errorf("written as %x", got.Append(nil))
			}
		})
	}
	cut := codec.PlayoutDelayValue{Min: -time.Second, Max: time.Hour}
	if got := cut.Append(nil); !bytes.Equal(got, unhex(t, "000fff")) {
		t.Errorf("out of range is written as %x", got)
	}
}

func TestAudioLevel(t *testing.T) {
	if _, ok := codec.ParseAudioLevel(nil); ok {
		t.Error("an empty value is a level")
	}
	if got, ok := codec.ParseAudioLevel([]byte{0x9e, 0}); !ok || got != (codec.AudioLevelValue{Voice: true, Level: 30}) {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := codec.ParseAudioLevel([]byte{0x7f}); !ok || got != (codec.AudioLevelValue{Level: 127}) {
		t.Errorf("%+v, %v", got, ok)
	}
}

func TestAbsSendTime(t *testing.T) {
	for at, want := range map[time.Duration]string{
		0: "000000", time.Second: "040000", 63*time.Second + 500*time.Millisecond: "fe0000", 65 * time.Second: "040000",
	} {
		got := codec.AppendAbsSendTime(nil, at)
		if !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%v is written as %x, want %s", at, got, want)
		}
		if back, ok := codec.ParseAbsSendTime(got); !ok || back != at%(64*time.Second) {
			t.Errorf("%v is read back as %v, %v", at, back, ok)
		}
	}
	if _, ok := codec.ParseAbsSendTime([]byte{1, 2}); ok {
		t.Error("two bytes are a time")
	}
}
