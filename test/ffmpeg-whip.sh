#!/usr/bin/env bash
# Prints the path of an ffmpeg that has the WHIP muxer (FFmpeg 8 or newer), H.264 and Opus.
# The system's own is taken if it can; else a newer Debian suite's ffmpeg and every library
# it needs are unpacked into a cache folder, beside the system and without changing it.
#
# The mirror is the one this machine's apt already uses. About 100 MB to download, 320 MB on
# disk, once per machine. WHIPPET_CACHE moves the cache.
set -euo pipefail

suites=(forky sid) # tried in this order; both carry FFmpeg 9
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${WHIPPET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/whippet-tests}
target=$cache/ffmpeg-whip
wrapper=$target/ffmpeg

fail() {
	echo "ffmpeg-whip: $*" >&2
	exit 1
}

# capable reports whether an ffmpeg can publish what the tests publish.
capable() {
	local muxers encoders
	muxers=$("$1" -hide_banner -muxers 2>/dev/null) || return 1
	encoders=$("$1" -hide_banner -encoders 2>/dev/null) || return 1
	grep -qw whip <<<"$muxers" || return 1
	grep -qw libx264 <<<"$encoders" && grep -qw libopus <<<"$encoders"
}

# mirror prints the address of Debian's main archive as this machine's apt has it.
mirror() {
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v suite="$codename" '$1 == suite && $2 == "main" { print $3; exit }'
}

# write_config makes an apt configuration that shares nothing with the system but its proxy
# settings and its sources' address. It is read after the system's own (-c).
write_config() { # folder, suite, mirror
	mkdir -p "$1"/{state/lists/partial,cache/archives/partial,sources.d,preferences.d}
	: >"$1/status"
	echo "deb [signed-by=$keyring] $3 $2 main" >"$1/sources.list"
	cat >"$1/apt.conf" <<-CONF
		Dir::State "$1/state";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "$1/sources.d";
		Dir::Etc::preferences "$1/preferences";
		Dir::Etc::preferencesparts "$1/preferences.d";
		Acquire::Languages "none";
		APT::Sandbox::User "$(id -un)";
		Debug::NoLocking "true";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Pre-Invoke;
		#clear DPkg::Post-Invoke;
		#clear DPkg::Pre-Install-Pkgs;
		#clear Acquire::IndexTargets::deb::DEP-11;
		#clear Acquire::IndexTargets::deb::DEP-11-icons;
		#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
		#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
		#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
		#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
	CONF
}

# fetch downloads one suite's ffmpeg with all libraries and unpacks it.
fetch() { # work folder, suite, mirror
	local apt=(apt-get -qq -c "$1/apt.conf") deb
	write_config "$1" "$2" "$3"
	"${apt[@]}" update >&2 || return 1
	"${apt[@]}" install --yes --no-install-recommends --download-only ffmpeg >&2 || return 1
	for deb in "$1"/cache/archives/*.deb; do
		dpkg-deb --extract "$deb" "$1/root" || return 1
	done
}

# write_wrapper makes the command: the suite's own loader and C library run its ffmpeg.
write_wrapper() { # root, wrapper
	local libs loader
	libs=$(dirname "$(find "$1/usr/lib" -name 'libavformat.so.*' -print -quit)")
	loader=$(find "$1/usr" -name 'ld-linux*.so.*' -print -quit)
	[ -n "$libs" ] && [ -n "$loader" ] || return 1
	cat >"$2" <<-RUN
		#!/bin/sh
		exec "$loader" --library-path "$libs:$libs/pulseaudio" --argv0 ffmpeg "$1/usr/bin/ffmpeg" "\$@"
	RUN
	chmod +x "$2"
}

install_from() { # suite, mirror
	local work
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	echo "ffmpeg-whip: fetching ffmpeg from Debian $1 into $target" >&2
	fetch "$work" "$1" "$2" || return 1
	rm -rf "$target"
	mkdir "$target"
	mv "$work/root" "$target/root"
	rm -rf "$work"
	write_wrapper "$target/root" "$wrapper" && capable "$wrapper"
}

main() {
	local system suite uri
	system=$(command -v ffmpeg || true)
	if [ -n "$system" ] && capable "$system"; then
		echo "$system"
		return
	fi
	mkdir -p "$cache"
	exec 9>"$cache/ffmpeg-whip.lock"
	flock 9
	if [ -x "$wrapper" ] && capable "$wrapper"; then
		echo "$wrapper"
		return
	fi
	[ -r "$keyring" ] || fail "$keyring is missing: on anything but Debian install FFmpeg 8 or newer yourself"
	uri=$(mirror)
	[ -n "$uri" ] || fail "apt on this machine knows no Debian mirror"
	for suite in "${suites[@]}"; do
		install_from "$suite" "$uri" && echo "$wrapper" && return
	done
	fail "no suite of ${suites[*]} gave an ffmpeg with the WHIP muxer"
}

main
