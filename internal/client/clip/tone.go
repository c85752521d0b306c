package clip

import "math"

// The sound: a soft tone, another in each channel, and a beep for as long as the
// flash shows. All frequencies have whole periods in a second.
const (
	SampleRate = 48000

	leftHz, rightHz, beepHz = 220, 330, 1000

	toneLevel, beepLevel = 0.06, 0.5 // of full scale
)

// Tone writes stereo samples from sample number at on into pcm, interleaved.
func Tone(at int, pcm []int16) {
	for i := 0; i+1 < len(pcm); i += 2 {
		n := at + i/2
		beep := beepAt(n)
		pcm[i] = sample(toneLevel*wave(n, leftHz) + beep)
		pcm[i+1] = sample(toneLevel*wave(n, rightHz) + beep)
	}
}

func wave(n, hz int) float64 { return math.Sin(2 * math.Pi * float64(n) * float64(hz) / SampleRate) }

func sample(level float64) int16 { return int16(level * math.MaxInt16) }

// beepAt returns the beep at sample n, with a ramp of 1 ms at both ends.
func beepAt(n int) float64 {
	const length = SampleRate * flashFrames / FPS
	const ramp = SampleRate / 1000
	t := n % SampleRate
	if t < 0 || t >= length {
		return 0
	}
	return beepLevel * min(1, float64(t)/ramp, float64(length-t)/ramp) * wave(n, beepHz)
}
