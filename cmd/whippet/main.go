// Command whippet runs a Whippet node and small tools around it: see whippet --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/whippet-media/whippet/internal/config"
)

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Run a node (what whippet does without a command)."`
	Token   tokenCmd   `cmd:"" help:"Make or inspect a token."`
	Publish PublishCmd `cmd:"" help:"Publish a test clip or files to a WHIP endpoint."`
	Play    PlayCmd    `cmd:"" help:"Play from a WHEP endpoint: statistics each second, media to files."`
	Health  healthCmd  `cmd:"" help:"Ask a running node whether it is healthy; the exit status is the answer."`
	Bench   benchCmd   `cmd:"" help:"Put load on a node and report what it costs: CPU time, memory, latency, loss."`

	BenchLoad     benchLoadCmd     `cmd:"" hidden:"" help:"A load generator of bench."`
	BenchBaseline benchBaselineCmd `cmd:"" hidden:"" help:"The plain pion SFU that bench compares with."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// A console is where a command reads and writes.
type console struct {
	In       io.Reader
	Out, Err io.Writer
	Version  string
}

func main() {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // none is lost, however soon the second one comes
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go endBySignal(signals, end)
	con := &console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: version()}
	os.Exit(run(ctx, con, os.Args[1:], os.LookupEnv))
}

// secondSignal is the exit status of a process that was not to end in order any more.
const secondSignal = 128 + int(syscall.SIGTERM)

// endBySignal lets the process end in order at the first signal, and at once at the second.
func endBySignal(signals <-chan os.Signal, end func()) {
	<-signals
	end()
	<-signals
	os.Exit(secondSignal)
}

// exited carries kong's wish to exit (after --help) out of its parser.
type exited struct{ status int }

// run is main without the process: it returns the exit status.
func run(ctx context.Context, con *console, args []string, env func(string) (string, bool)) (status int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exited:
			status = r.status
		default:
			panic(r)
		}
	}()
	var c cli
	parsed, err := config.Parse(&c, args, env, options(con)...)
	if err == nil {
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(con)
	}
	if err != nil {
		fmt.Fprintf(con.Err, "whippet: %v\n", err)
		if usage := new(kong.ParseError); errors.As(err, &usage) {
			fmt.Fprintln(con.Err, "See whippet --help for the commands, whippet serve --help for the settings.")
		}
		return 1
	}
	return 0
}

func options(con *console) []kong.Option {
	return []kong.Option{
		kong.Name("whippet"),
		kong.Description("WHIP and WHEP media server: publish from OBS, FFmpeg or a browser, watch in any browser.\n\n" +
			"Every setting of a node is also an environment variable, --tls-cert as WHIPPET_TLS_CERT, and a key of the --config file; whippet serve --help lists them."),
		kong.Vars{"version": con.Version},
		kong.Writers(con.Out, con.Err),
		kong.Exit(func(status int) { panic(exited{status}) }),
		kong.ValueFormatter(helpText),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
	}
}

// helpText adds to a flag's help what it is without the flag.
func helpText(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if !v.HasDefault || v.Default == "" || strings.Contains(text, "Default:") {
		return text
	}
	return strings.TrimSuffix(text, ".") + ". Default: " + v.Default + "."
}

// linked is the version a build outside of a repository is told:
// -ldflags "-X main.linked=v1.2.3".
var linked string

// version is what the build was told, else what it recorded: a tag, or the commit.
func version() string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
