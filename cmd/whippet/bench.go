package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/whippet-media/whippet/internal/bench"
)

// benchCmd puts load on a server.
type benchCmd struct {
	URL   string `arg:"" optional:"" help:"The server, such as http://localhost:8080; without it a node is started for the measurement."`
	Token string `name:"token" env:"WHIPPET_TOKEN" placeholder:"TOKEN" help:"Bearer token that may publish and play streams named bench-…"`
	PID   int    `name:"pid" placeholder:"PID" help:"Process of the server at URL, on this machine: measures its CPU time and memory."`
	Admin string `name:"admin-url" placeholder:"URL" help:"Admin address of the server at URL, http://host:port: counts its goroutines."`

	Publishers       int           `name:"publishers" default:"1" placeholder:"N" help:"Streams."`
	Subscribers      int           `name:"subscribers" default:"50" placeholder:"N" help:"Subscribers of each stream."`
	Sweep            []int         `name:"sweep" placeholder:"N" help:"Numbers of subscribers to measure one after another, e.g. 50,100,200."`
	Capacity         bool          `name:"capacity" help:"Search for the most subscribers with loss below 0.01 % and p99 below 500 ms, from --subscribers on."`
	Codec            string        `name:"codec" enum:"h264,vp8" default:"h264" help:"Video: h264 or vp8, frames with right headers and no picture."`
	Bitrate          int64         `name:"bitrate" default:"2500000" placeholder:"BITS" help:"Of each video, in bits per second."`
	FPS              int           `name:"fps" default:"30" placeholder:"N" help:"Frames a second."`
	KeyframeInterval time.Duration `name:"keyframe-interval" default:"2s" placeholder:"TIME" help:"From keyframe to keyframe."`
	Pace             string        `name:"pace" enum:"burst,paced" default:"paced" help:"burst: each frame at once, as OBS; paced: four packets each 5 ms, as browsers."`
	Audio            bool          `name:"audio" default:"true" negatable:"" help:"Opus sound beside the video."`
	AnswerRequests   bool          `name:"answer-requests" help:"Publishers answer keyframe requests, which OBS and FFmpeg do not."`
	SRTP             string        `name:"srtp" enum:"gcm,cm" default:"gcm" help:"Profile that subscribers list first: gcm (AES-128-GCM) or cm (AES-CM, as browsers)."`
	Feedback         time.Duration `name:"feedback" default:"100ms" placeholder:"TIME" help:"Between two transport-cc reports of a subscriber."`
	Loss             float64       `name:"loss" placeholder:"SHARE" help:"Share of packets that subscribers throw away, e.g. 0.01: measures repair."`

	Ramp    float64     `name:"ramp" default:"50" placeholder:"N" help:"Joins a second before the measurement."`
	Churn   float64     `name:"churn" placeholder:"N" help:"Joins and leaves a second during the measurement, beside those who stay."`
	Storm   bench.Storm `name:"storm" placeholder:"N/TIME[/STAY]" help:"Measure once more while N join within TIME, e.g. 500/10s, and STAY: what those who watch notice of it."`
	Stalled int         `name:"stalled-tcp" placeholder:"N" help:"Measure once more while N subscribers over ICE-TCP read nothing: what the others notice of it."`
	Joins   int         `name:"joins" default:"50" placeholder:"N" help:"Joins without media that measure the CPU time of a join; 0 leaves it out."`
	Seconds float64     `name:"seconds" default:"10" placeholder:"N" help:"How long is measured."`
	Warmup  float64     `name:"warmup" default:"3" placeholder:"N" help:"Seconds from the last join to the measurement."`

	Baseline bool   `name:"baseline" help:"Put the same load on a plain pion SFU, in turn, and show the ratio."`
	Rounds   int    `name:"rounds" default:"1" placeholder:"N" help:"Measurements of each; medians are shown."`
	JSON     string `name:"json" type:"path" placeholder:"FILE" help:"Write the report here too, - for standard output in place of the table."`
	Plot     string `name:"plot" type:"path" placeholder:"FILE.svg" help:"Draw latency and CPU time over the number of subscribers."`
	Break    bool   `name:"breakdown" help:"Show whose memory and goroutines a subscriber's are, by package and function."`
	Profile  string `name:"profile" type:"path" placeholder:"FILE" help:"Write a CPU profile of the node's first round, for go tool pprof."`
}

// Run measures and reports. What was finished when it is interrupted is reported too.
func (c *benchCmd) Run(ctx context.Context, con *console) error {
	program, err := bench.Self()
	if err != nil {
		return err
	}
	line := &progressLine{out: con.Err, terminal: isTerminal(con.Err)}
	report, err := bench.Run(ctx, bench.Options{
		Load: c.load(), Program: program, Version: con.Version,
		URL: c.URL, Token: c.Token, PID: c.PID, Admin: c.Admin,
		Baseline: c.Baseline, Rounds: c.Rounds, Sweep: c.Sweep, Capacity: c.Capacity, Profile: c.Profile, Breakdown: c.Break,
		Progress: line.show,
	})
	line.clear()
	if report == nil || report.Empty() {
		return err
	}
	return errors.Join(err, c.write(con, report))
}

func (c *benchCmd) load() bench.Load {
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	return bench.Load{
		Publishers: c.Publishers, Subscribers: c.Subscribers,
		Codec: bench.Codec(c.Codec), Bitrate: c.Bitrate, FPS: c.FPS, KeyframeInterval: c.KeyframeInterval,
		Pace: bench.Pace(c.Pace), Audio: c.Audio, AnswerRequests: c.AnswerRequests,
		Profile: bench.Profile(c.SRTP), Feedback: c.Feedback, Loss: c.Loss,
		Ramp: c.Ramp, Churn: c.Churn, Storm: c.Storm, StalledTCP: c.Stalled, Joins: c.Joins, Warmup: seconds(c.Warmup), Window: seconds(c.Seconds),
	}
}

func (c *benchCmd) write(con *console, r *bench.Report) error {
	var err error
	if c.JSON == "-" {
		err = writeJSON(con.Out, r)
	} else {
		err = r.WriteTable(con.Out)
		if c.JSON != "" {
			err = errors.Join(err, toFile(c.JSON, func(w io.Writer) error { return writeJSON(w, r) }))
		}
	}
	if c.Plot != "" {
		err = errors.Join(err, toFile(c.Plot, r.WritePlot))
	}
	return err
}

func writeJSON(to io.Writer, r *bench.Report) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func toFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// A progressLine is rewritten in place on a terminal; elsewhere every text is a line.
type progressLine struct {
	out      io.Writer
	terminal bool
}

const eraseLine = "\r\x1b[K"

func (p *progressLine) show(text string) {
	if p.terminal {
		fmt.Fprint(p.out, eraseLine+text)
		return
	}
	fmt.Fprintln(p.out, text)
}

func (p *progressLine) clear() {
	if p.terminal {
		fmt.Fprint(p.out, eraseLine)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// benchLoadCmd is a load generator process of bench.
type benchLoadCmd struct{}

// Run obeys standard input.
func (c *benchLoadCmd) Run(ctx context.Context, con *console) error {
	return bench.Generate(ctx, con.In, con.Out)
}

// benchBaselineCmd is the plain pion SFU of bench.
type benchBaselineCmd struct {
	Codec string `arg:"" enum:"h264,vp8" help:"Video codec of all streams."`
}

// Run serves until ctx is done.
func (c *benchBaselineCmd) Run(ctx context.Context, con *console) error {
	return bench.Baseline(ctx, con.Out, bench.Codec(c.Codec))
}
