package clip

import (
	"errors"
	"fmt"
	"image"
	"math"
	"time"
)

// The geometry of the picture. The counter is a row of cells along the top
// edge: white, black, sixteen bits from the most significant, the parity of
// these bits (white if an odd number is set), and its opposite. White is 1.
const (
	Width  = 640
	Height = 360
	FPS    = 30

	counterCells  = 20
	counterBits   = 16
	counterHeight = 24                   // pixels
	cellWidth     = Width / counterCells // pixels

	// flashFrames is how many frames of each second show the flash, from the
	// first on; the beep sounds for the same time.
	flashFrames = 3

	white, black = 235, 16 // video range luma
)

// loop is the period of all motion in the picture, so that the end of the
// longest clip meets its start.
const loop = 10 * time.Second

// Draw paints frame number n, which must be the picture's size in 4:2:0.
func Draw(n int, img *image.YCbCr) {
	turn := float64(n) / (FPS * loop.Seconds()) // 0 to 1 in one loop
	drawBackground(turn, img)
	for i := range 5 {
		drawBall(i, turn, img)
	}
	drawText(img, "WHIPPET", 36, 60, 5, white)
	drawText(img, clock(n), 36, 250, 9, white)
	drawFlash(n, img)
	drawCounter(uint16(n), img)
}

// clock writes the frame's time as seconds and frames, "07:23".
func clock(n int) string { return fmt.Sprintf("%02d:%02d", n/FPS%100, n%FPS) }

// drawBackground paints two crossing waves that drift by whole periods per loop.
func drawBackground(turn float64, img *image.YCbCr) {
	const waves, drift = 3, 4
	for y := range Height {
		for x := range Width {
			a := math.Sin(2 * math.Pi * (float64(x)*waves/Width + turn*drift))
			b := math.Cos(2 * math.Pi * (float64(y)*waves/Height - turn*drift))
			grain := (x*x*7+y*y*13+x*y*3)>>5&15 - 8 // fixed detail, so that a keyframe costs something
			img.Y[img.YOffset(x, y)] = uint8(90 + 22*a + 22*b + float64(grain))
		}
	}
	for y := range Height / 2 {
		for x := range Width / 2 {
			o := img.COffset(2*x, 2*y)
			img.Cb[o] = uint8(140 + 28*math.Sin(2*math.Pi*(float64(x)/Width+turn)))
			img.Cr[o] = uint8(112 + 24*math.Cos(2*math.Pi*(float64(y)/Height+2*turn)))
		}
	}
}

// drawBall paints ball i on its closed path.
func drawBall(i int, turn float64, img *image.YCbCr) {
	phase := 2 * math.Pi * (turn*float64(2+i) + float64(i)/5)
	cx := int(Width/2 + 240*math.Sin(phase))
	cy := int(Height/2 + 20 + 110*math.Sin(2*phase+float64(i)))
	r := 14 + 5*i
	for y := max(counterHeight, cy-r); y < min(Height, cy+r); y++ {
		for x := max(0, cx-r); x < min(Width, cx+r); x++ {
			dx, dy := x-cx, y-cy
			if dx*dx+dy*dy >= r*r {
				continue
			}
			img.Y[img.YOffset(x, y)] = uint8(120 + 80*(r*r-dx*dx-dy*dy)/(r*r))
			o := img.COffset(x, y)
			img.Cb[o], img.Cr[o] = uint8(60+35*i), uint8(200-30*i)
		}
	}
}

// drawFlash paints the square that is white while the beep sounds.
func drawFlash(n int, img *image.YCbCr) {
	luma := uint8(black)
	if n%FPS < flashFrames {
		luma = white
	}
	fill(img, image.Rect(Width-116, Height-116, Width-20, Height-20), luma)
}

// drawCounter paints the machine-readable row.
func drawCounter(n uint16, img *image.YCbCr) {
	for i, bit := range counterRow(n) {
		luma := uint8(black)
		if bit {
			luma = white
		}
		fill(img, image.Rect(i*cellWidth, 0, (i+1)*cellWidth, counterHeight), luma)
	}
}

// counterRow returns the cells for n from left to right, true is white.
func counterRow(n uint16) [counterCells]bool {
	row := [counterCells]bool{0: true}
	odd := false
	for i := range counterBits {
		bit := n>>(counterBits-1-i)&1 == 1
		row[2+i] = bit
		odd = odd != bit
	}
	row[counterCells-2], row[counterCells-1] = odd, !odd
	return row
}

// fill paints a grey rectangle with even corners.
func fill(img *image.YCbCr, r image.Rectangle, luma uint8) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			img.Y[img.YOffset(x, y)] = luma
			o := img.COffset(x, y)
			img.Cb[o], img.Cr[o] = 128, 128
		}
	}
}

// ErrNoCounter says that a picture has no readable frame counter.
var ErrNoCounter = errors.New("no frame counter in the picture")

// ReadCounter reads the frame number from a decoded picture of any size whose
// luma is in y, stride bytes a row. It returns ErrNoCounter where the reference
// cells, the parity or the contrast are wrong.
func ReadCounter(y []byte, stride, width, height int) (uint16, error) {
	if width < counterCells*2 || height < Height/counterHeight || stride < width || len(y) < stride*(height-1)+width {
		return 0, ErrNoCounter
	}
	var luma [counterCells]int
	for i := range luma {
		luma[i] = cellMean(y, stride, width, height, i)
	}
	const contrast = 60 // of 219; compression costs a few steps, a grey picture has none
	if luma[0]-luma[1] < contrast {
		return 0, ErrNoCounter
	}
	return decodeRow(luma)
}

// decodeRow turns mean luma per cell into the number.
func decodeRow(luma [counterCells]int) (uint16, error) {
	var n uint16
	threshold := (luma[0] + luma[1]) / 2
	for i := range counterBits {
		n <<= 1
		if luma[2+i] > threshold {
			n |= 1
		}
	}
	for i, bit := range counterRow(n) {
		if bit != (luma[i] > threshold) {
			return 0, ErrNoCounter
		}
	}
	return n, nil
}

// cellMean averages the middle half of a cell, away from its soft edges.
func cellMean(y []byte, stride, width, height, cell int) int {
	x0, x1 := (4*cell+1)*width/(4*counterCells), (4*cell+3)*width/(4*counterCells)
	h := height * counterHeight / Height
	y0, y1 := h/4, max(h*3/4, h/4+1)
	sum, count := 0, 0
	for r := y0; r < y1; r++ {
		for x := x0; x < max(x1, x0+1); x++ {
			sum += int(y[r*stride+x])
			count++
		}
	}
	return sum / count
}
