package codec_test

import (
	"fmt"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// av1Sequence writes a sequence header OBU without a size field: profile 0, one
// operating point, the given maximum frame size.
func av1Sequence(width, height uint32) string {
	var w bitWriter
	w.bits(1<<3, 8) // obu_type 1
	w.bits(0, 5)    // seq_profile, still_picture, reduced_still_picture_header
	w.bits(0, 2)    // timing_info_present_flag, initial_display_delay_present_flag
	w.bits(0, 5+12) // operating_points_cnt_minus_1, operating_point_idc
	w.bits(8, 5)    // seq_level_idx
	w.bits(0, 1)    // seq_tier
	w.bits(15, 4)
	w.bits(15, 4)
	w.bits(width-1, 16)
	w.bits(height-1, 16)
	w.bits(0, 8)
	return fmt.Sprintf("%x", w.data())
}

// av1TimedSequence writes one with everything that may stand before the size.
func av1TimedSequence(width, height uint32) string {
	var w bitWriter
	w.bits(1<<3, 8)
	w.bits(0, 5)
	w.bits(1, 1)  // timing_info_present_flag
	w.bits(1, 32) // num_units_in_display_tick
	w.bits(30, 32)
	w.bits(1, 1)       // equal_picture_interval
	w.bits(0b00110, 5) // uvlc of 5
	w.bits(1, 1)       // decoder_model_info_present_flag
	w.bits(9, 5)       // buffer_delay_length_minus_1
	w.bits(7, 32)
	w.bits(0, 5+5)
	w.bits(1, 1)  // initial_display_delay_present_flag
	w.bits(1, 5)  // two operating points
	w.bits(0, 12) // the first: low level, decoder model, delay
	w.bits(5, 5)
	w.bits(1, 1)
	w.bits(0x15555, 21)
	w.bits(1, 1)
	w.bits(9, 4)
	w.bits(0, 12) // the second: high level with tier, neither
	w.bits(8, 5)
	w.bits(1, 1)
	w.bits(0, 1)
	w.bits(0, 1)
	w.bits(10, 4)
	w.bits(9, 4)
	w.bits(width-1, 11)
	w.bits(height-1, 10)
	w.bits(0, 8)
	return fmt.Sprintf("%x", w.data())
}

func TestInspectAV1(t *testing.T) {
	const (
		keyFrame   = "30 10" // OBU_FRAME; shown, KEY_FRAME
		hiddenKey  = "30 00"
		interFrame = "30 30"
		shownAgain = "18 90" // OBU_FRAME_HEADER; show_existing_frame
	)
	start := codec.Info{FrameStart: true}
	key := codec.Info{Keyframe: true, FrameStart: true, IDR: true}
	sized := codec.Info{Keyframe: true, FrameStart: true, IDR: true, Parameters: codec.SequenceHeader, Width: 640, Height: 360}
	unkeyed := codec.Info{FrameStart: true, Parameters: codec.SequenceHeader, Width: 640, Height: 360}
	sequence := av1Sequence(640, 360)
	size := fmt.Sprintf("%02x", len(sequence)/2)
	timed := av1TimedSequence(640, 360)
	runInspect(t, codec.AV1, []inspectTest{
		{"empty", "", codec.Info{}},
		{"header alone", "18", codec.Info{}},
		{"header alone with Z", "90", codec.Info{}},
		{"N, sequence header and key frame", "28" + size + sequence + keyFrame, sized},
		{"N, sizes everywhere", "08" + size + sequence + "02" + keyFrame, sized},
		{"no N, sequence header and key frame", "20" + size + sequence + keyFrame, sized},
		{"no N, sequence header and inter frame", "20" + size + sequence + interFrame, unkeyed},
		{"no N, sequence header and hidden key frame", "20" + size + sequence + hiddenKey, unkeyed},
		{"no N, sequence header and frame shown again", "20" + size + sequence + shownAgain, unkeyed},
		{"no N, sequence header alone", "10" + sequence, unkeyed},
		{"no N, key frame alone", "10" + keyFrame, start},
		{"N, first fragment", "58" + sequence, sized},
		{"timing and decoder model", "18" + timed, sized},
		{"N is nothing after Z", "98" + interFrame, codec.Info{}},
		{"inter frame", "10" + interFrame, start},
		{"OBU with its own size", "10" + "32 01 30", start},
		{"inside", "d0" + sequence, codec.Info{}},
		{"end of an OBU, then another", "a0 01 ff" + interFrame, codec.Info{}},
		{"layers", "10 34 48 30", codec.Info{Spatial: 1, Temporal: 2}},
		{"N in a higher layer", "18 34 48 10", codec.Info{Spatial: 1, Temporal: 2}},
		{"layer 0 of two", "10 34 20 30", codec.Info{FrameStart: true, Temporal: 1}},
		{"extension cut short", "10 34", start},
		{"size too large", "00 7f 30 10", start},
		{"size of nine bytes", "00 80 80 80 80 80 80 80 80 80 00", start},
		{"sequence header cut short", "18 08 00", codec.Info{Keyframe: true, FrameStart: true, IDR: true, Parameters: codec.SequenceHeader}},
		{"empty elements", "08 00 00 00", key},
	})
}
