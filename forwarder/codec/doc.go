// Package codec holds what forwarding must know of media formats: which codecs
// and RTP header extensions there are, where a keyframe begins, its size, which
// parameter sets it needs, and which layer a packet belongs to.
//
//   - [Inspect] looks at every incoming packet; [Info] says how to find a
//     keyframe's first packet with it.
//   - [ParameterSets] keeps H.264's and H.265's parameter sets and packs them for
//     a keyframe that lacks them.
//   - [ParseVP8] and [ParseVP9] read payload descriptors and rewrite the picture
//     numbers in them.
//   - [LayerReader] says of every packet, as [Layering], which layers need it and
//     where receivers may go over to others; [ShiftPicture] and [AppendDescriptor]
//     rewrite the numbers and the mask of layers in a copy of it.
//   - [DependencyStructure] reads the Dependency Descriptor, the header extension
//     that tells layers and references without looking at the payload.
//   - The Parse and Append functions of the other header extensions are each the
//     value without its id and length.
//
// It does not reassemble frames, decode pictures, or change a payload's length.
//
// Everything here is pure and bounded: functions of the bytes they are given,
// safe for concurrent use unless a type says otherwise, no allocation where the
// comment says so, and any input is an answer or an error, never a panic.
//
// Implemented are RFC 6184 (H.264), RFC 7798 (H.265), RFC 7741 (VP8), RFC 9628
// (VP9), version 1.0 of the AV1 RTP specification with its appendix A, the layers of
// draft-ietf-avtext-framemarking and of video-layers-allocation00.
package codec
