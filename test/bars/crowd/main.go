// Command crowd plays one stream many times over, for measurements: crowd URL NUMBER. It prints
// "playing" once every subscriber has received video, and goes on until standard input closes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

const (
	mostSubscribers = 1000
	joinEvery       = 20 * time.Millisecond // joins are DTLS handshakes: here and in the node
	videoWithin     = 45 * time.Second
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want URL and NUMBER, have %q", args)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 || n > mostSubscribers {
		return fmt.Errorf("%q is no number from 1 to %d", args[1], mostSubscribers)
	}
	players, err := join(args[0], n)
	defer leave(players)
	if err != nil {
		return err
	}
	fmt.Println("playing")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// join starts the subscribers one after the other and waits until each has received video.
func join(url string, n int) ([]*client.Player, error) {
	var (
		players []*client.Player
		seen    sync.WaitGroup
	)
	for range n {
		seen.Add(1)
		p, err := play(url, sync.OnceFunc(seen.Done))
		if err != nil {
			return players, err
		}
		players = append(players, p)
		time.Sleep(joinEvery)
	}
	all := make(chan struct{})
	go func() {
		seen.Wait()
		close(all)
	}()
	select {
	case <-all:
		return players, nil
	case <-time.After(videoWithin):
		return players, fmt.Errorf("not every subscriber received video in %v", videoWithin)
	}
}

func play(url string, onVideo func()) (*client.Player, error) {
	ctx, cancel := context.WithTimeout(context.Background(), videoWithin)
	defer cancel()
	return client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: url},
		OnRTP: func(kind codec.Kind, _ *rtp.Packet, _ time.Duration) {
			if kind == codec.Video {
				onVideo()
			}
		},
	})
}

func leave(players []*client.Player) {
	for _, p := range players {
		p.Kill()
	}
}
