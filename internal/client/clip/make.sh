#!/bin/sh
# Encodes the built-in clip anew. Needs Go and an ffmpeg with libx264, libvpx and
# libopus. Run it after a change to picture.go, font.go or tone.go, from anywhere.
#
# Each file is named after its codec and its keyframe interval in seconds. The
# 10 s loops come at a stream's bitrate; the short intervals, which only short
# tests need, are 2 s loops, but for H.264 at 2 s, the one people look at.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go run ./make picture 300 >"$work/10s.y4m"
go run ./make picture 60 >"$work/2s.y4m"

# h264 SECONDS INTERVAL BITRATE: constrained baseline (every browser decodes it), one slice, no scene cuts.
h264() {
	for pass in 1 2; do
		ffmpeg -y -loglevel error -i "$work/$1s.y4m" -c:v libx264 -preset veryslow -profile:v baseline \
			-level 3.1 -bf 0 -refs 1 -slices 1 -g $(($2 * 30)) -keyint_min $(($2 * 30)) -sc_threshold 0 \
			-x264-params force-cfr=1 -bsf:v 'filter_units=remove_types=6' \
			-b:v "$3" -pass $pass -passlogfile "$work/log" -f h264 "$work/out"
	done
	mv "$work/out" "h264-$2.h264"
}

# vp8 SECONDS INTERVAL BITRATE: no hidden reference frames.
vp8() {
	for pass in 1 2; do
		ffmpeg -y -loglevel error -i "$work/$1s.y4m" -c:v libvpx -deadline good -cpu-used 0 \
			-auto-alt-ref 0 -g $(($2 * 30)) -keyint_min $(($2 * 30)) -fflags +bitexact -flags:v +bitexact \
			-b:v "$3" -pass $pass -passlogfile "$work/log" -f ivf "$work/out"
	done
	mv "$work/out" "vp8-$2.ivf"
}

h264 10 10 580k
h264 10 2 290k
h264 2 1 340k
vp8 10 10 460k
vp8 2 2 300k
vp8 2 1 340k

# Two loops of sound, of which the second is kept: its first packet finds the
# encoder in the state its last one leaves behind, so the loop has no click. The
# encoder delays by 312 samples, hence the sound is started as much later.
go run ./make tone $((48000 * 21)) 312 >"$work/tone"
ffmpeg -y -loglevel error -f s16le -ar 48000 -ac 2 -i "$work/tone" -c:a libopus -b:a 40k \
	-vbr on -frame_duration 20 -f ogg "$work/tone.ogg"
ffmpeg -y -loglevel error -ss 10 -i "$work/tone.ogg" -frames:a 500 -c copy -fflags +bitexact -flags:a +bitexact tone.ogg
ls -l ./*.h264 ./*.ivf ./*.ogg
