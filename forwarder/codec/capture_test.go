package codec_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

var capture = flag.Bool("capture", false, "encode and write testdata/*.rtp anew (needs ffmpeg)")

// A clip is how one fixture is made: two seconds of FFmpeg's test picture, encoded
// with args, and packetised by FFmpeg's RTP muxer or, where payloader is set, by
// pion's from an IVF file.
type clip struct {
	name      string
	size      string
	frames    int
	args      string
	packet    int // bytes of an RTP packet at most
	payloader rtp.Payloader
}

var clips = []clip{
	{
		name: "h264", size: "162x98", frames: 12, packet: 300,
		args: "-c:v libx264 -profile:v high -bf 0 -g 5 -x264-params slices=2:keyint=5:scenecut=0",
	},
	{
		name: "h264-refresh", size: "160x96", frames: 16, packet: 1200,
		args: "-c:v libx264 -bf 0 -x264-params intra-refresh=1:keyint=6:scenecut=0",
	},
	{
		name: "h264-opengop", size: "160x96", frames: 16, packet: 1200,
		args: "-c:v libx264 -bf 2 -x264-params open-gop=1:keyint=6:scenecut=0:b-adapt=0",
	},
	{
		name: "h264-mode0", size: "96x64", frames: 6, packet: 1200,
		args: "-c:v libx264 -profile:v baseline -g 3 -x264-params slice-max-size=600:scenecut=0 -rtpflags h264_mode0",
	},
	{
		name: "h265", size: "162x98", frames: 12, packet: 300,
		args: "-c:v libx265 -x265-params keyint=5:min-keyint=5:open-gop=0:bframes=0:scenecut=0:repeat-headers=1:log-level=none",
	},
	{
		name: "h265-cra", size: "160x96", frames: 16, packet: 1200,
		args: "-c:v libx265 -x265-params keyint=6:min-keyint=6:open-gop=1:bframes=2:scenecut=0:repeat-headers=1:log-level=none",
	},
	{
		name: "vp8", size: "162x98", frames: 12, packet: 300,
		args: "-c:v libvpx -deadline realtime -auto-alt-ref 0 -g 5 -keyint_min 5 -b:v 60k",
	},
	{
		name: "vp9", size: "162x98", frames: 12, packet: 300,
		args: "-c:v libvpx-vp9 -deadline realtime -g 5 -keyint_min 5 -b:v 60k -strict experimental",
	},
	{
		name: "vp9-flexible", size: "162x98", frames: 12, packet: 300, payloader: &codecs.VP9Payloader{FlexibleMode: true},
		args: "-c:v libvpx-vp9 -deadline realtime -g 5 -keyint_min 5 -b:v 60k",
	},
	{
		name: "vp9-structure", size: "162x98", frames: 12, packet: 300, payloader: &codecs.VP9Payloader{},
		args: "-c:v libvpx-vp9 -deadline realtime -g 5 -keyint_min 5 -b:v 60k",
	},
	{
		name: "av1-aom", size: "162x98", frames: 10, packet: 300, payloader: &codecs.AV1Payloader{},
		args: "-c:v libaom-av1 -usage realtime -cpu-used 8 -g 5 -keyint_min 5 -b:v 60k",
	},
	{
		name: "av1-svt", size: "176x144", frames: 10, packet: 600, payloader: &codecs.AV1Payloader{},
		args: "-c:v libsvtav1 -preset 10 -g 5 -svtav1-params pred-struct=1:irefresh-type=2 -b:v 60k",
	},
}

func (c clip) command(output ...string) *exec.Cmd {
	args := fmt.Sprintf("-hide_banner -loglevel error -f lavfi -i testsrc=size=%s:rate=10 -frames:v %d -pix_fmt yuv420p %s",
		c.size, c.frames, c.args)
	return exec.Command("ffmpeg", append(strings.Fields(args), output...)...)
}

// TestCapture writes the fixtures. It proves nothing; it is here so that the
// fixtures can be made again.
func TestCapture(t *testing.T) {
	if !*capture {
		t.Skip("writes fixtures; run with -capture")
	}
	for _, c := range clips {
		packets, err := c.packets(t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		writeFixture(t, c.name, packets)
	}
}

func (c clip) packets(dir string) ([][]byte, error) {
	if c.payloader == nil {
		return c.fromMuxer()
	}
	ivf := filepath.Join(dir, c.name+".ivf")
	if out, err := c.command(ivf).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	file, err := os.ReadFile(ivf)
	if err != nil {
		return nil, err
	}
	p := rtp.NewPacketizer(uint16(c.packet), 96, 1, c.payloader, rtp.NewFixedSequencer(1), 90000)
	var packets [][]byte
	for frame := file[32:]; len(frame) > 12; {
		size := binary.LittleEndian.Uint32(frame)
		for _, packet := range p.Packetize(frame[12:12+size], 9000) {
			b, err := packet.Marshal()
			if err != nil {
				return nil, err
			}
			packets = append(packets, b)
		}
		frame = frame[12+size:]
	}
	return packets, nil
}

// fromMuxer reads what FFmpeg sends to a socket until it has ended.
func (c clip) fromMuxer() ([][]byte, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return nil, err
	}
	url := fmt.Sprintf("rtp://%s?rtcpport=9&pkt_size=%d", conn.LocalAddr(), c.packet)
	if out, err := c.command("-f", "rtp", url).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var packets [][]byte
	for buf := make([]byte, 2000); ; {
		if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			return nil, err
		}
		n, err := conn.Read(buf)
		if err != nil {
			return packets, nil
		}
		packets = append(packets, bytes.Clone(buf[:n]))
	}
}

// writeFixture writes packets, each after its length in 16 bits, big-endian.
func writeFixture(t *testing.T, name string, packets [][]byte) {
	t.Helper()
	var file []byte
	for _, p := range packets {
		file = binary.BigEndian.AppendUint16(file, uint16(len(p)))
		file = append(file, p...)
	}
	if err := os.WriteFile(fixturePath(name), file, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d packets, %d bytes", name, len(packets), len(file))
}

func fixturePath(name string) string { return filepath.Join("testdata", name+".rtp") }

// readFixture returns the packets of a fixture, whole frames in order.
func readFixture(t testing.TB, name string) []*rtp.Packet {
	t.Helper()
	file, err := os.ReadFile(fixturePath(name))
	if err != nil {
		t.Fatal(err)
	}
	var packets []*rtp.Packet
	for len(file) >= 2 {
		size := int(binary.BigEndian.Uint16(file))
		p := new(rtp.Packet)
		if err := p.Unmarshal(file[2 : 2+size]); err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
		file = file[2+size:]
	}
	if len(packets) == 0 {
		t.Fatalf("%s: no packets", name)
	}
	return packets
}
