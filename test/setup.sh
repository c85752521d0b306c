#!/usr/bin/env bash
# Installs what `make test` needs beyond Go: Chromium, FFmpeg, GStreamer, Redis, nginx and
# tools for networks from Debian's packages, playwright-core from npm, and an FFmpeg that speaks WHIP
# (see ffmpeg-whip.sh). Safe to run again: it does nothing when all is there.
#
#   test/setup.sh           install
#   test/setup.sh --check   only say what is missing; exit 1 if something is
set -euo pipefail
cd "$(dirname "$0")/.."

# What the tests run, and why it is here.
packages=(
	chromium                        # publishes and watches
	ffmpeg                          # makes clips, checks files that play wrote
	fonts-dejavu-core               # the pages' text in screenshots
	gcc                             # the race detector needs cgo
	gir1.2-gst-plugins-bad-1.0      # webrtcbin from Python
	gstreamer1.0-libav              # H.264 decoder
	gstreamer1.0-nice               # ICE of webrtcbin
	gstreamer1.0-plugins-bad        # webrtcbin, DTLS, SRTP
	gstreamer1.0-plugins-base       # opus, videotestsrc
	gstreamer1.0-plugins-good       # RTP payloaders, VP8
	gstreamer1.0-plugins-ugly       # x264enc
	gstreamer1.0-tools              # gst-inspect-1.0
	iproute2                        # network namespaces and links with a cap: ip, tc
	libc6-dev                       # the race detector, with gcc
	nftables                        # links that lose packets: nft
	nginx-light                     # TLS and a path in front of a node
	prometheus                      # scrapes a node, answers the dashboard's queries; promtool
	python3-gi                      # GStreamer from Python, and Python
	redis-server                    # the directory of a cluster
)

# installed reports whether Debian's package manager has all named packages.
installed() {
	local state
	state=$(dpkg-query -W -f '${db:Status-Abbrev}\n' "$@" 2>/dev/null) || return 1
	! grep -qv '^ii' <<<"$state"
}

missing() {
	local p
	for p in "${packages[@]}"; do
		installed "$p" || echo "$p"
	done
}

# as_root runs a command as root, or says how the reader can.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif sudo -n true 2>/dev/null; then
		sudo "$@"
	else
		echo "setup: root is needed to install packages. Run once, as a user who may:" >&2
		echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${packages[*]}" >&2
		exit 1
	fi
}

need_command() {
	command -v "$1" >/dev/null && return
	echo "setup: $1 is missing: $2" >&2
	exit 1
}

# apt waits for another apt-get to finish instead of failing at once. RUNLEVEL keeps Redis and
# nginx from starting as services: the tests start their own.
apt() {
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

install() {
	apt install --no-install-recommends -y -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

install_packages() {
	local want
	want=$(missing)
	[ -n "$want" ] || return 0
	need_command apt-get "this script knows Debian only; install by other means: ${packages[*]}"
	echo "setup: installing" $want
	apt update || echo "setup: apt-get update had errors; going on with the lists there are" >&2
	# shellcheck disable=SC2086 # one argument a package
	install $want || { echo "setup: trying again" >&2; apt -y --fix-broken install >/dev/null && install $want; }
}

install_node_modules() {
	need_command node "install Node.js 20 or later"
	need_command npm "install npm"
	cmp -s package-lock.json node_modules/.whippet-lock 2>/dev/null && return
	echo "setup: npm ci"
	npm ci --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.whippet-lock
}

need_command go "install Go 1.26 or later"
if [ "${1:-}" = --check ]; then
	want=$(missing)
	[ -z "$want" ] || { echo "setup: missing:" $want "(run test/setup.sh)" >&2; exit 1; }
	exit 0
fi
install_packages
install_node_modules
test/ffmpeg-whip.sh >/dev/null
