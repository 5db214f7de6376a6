package object

// Limits of the format. A record beyond one of them is malformed.
const (
	Version = 1 // the first element of every record

	MaxSizeBytes      = 1 << 20   // of any object
	ChunkTargetBytes  = 256 << 10 // at which a writer of transactions begins a new chunk
	MaxLargeBytes     = 1 << 30   // of a record that is split over several objects
	MaxMessageBytes   = 64 << 10
	MaxNameBytes      = 256
	MaxPayloadBytes   = 512 << 10
	MaxExtensions     = 64 // of a record
	MaxExtensionBytes = 64 << 10
	MaxChunkNames     = 1 << 16
	MaxChunks         = 24 << 10 // of a batch
	MaxBatchItems     = 1 << 40  // transactions of a batch, and of a block
	MaxOrderItems     = 8 << 10  // selections of an order, and orders of a body
	MaxStateKeyBytes  = 2 << 10
	MaxConsensusBytes = 4 << 10
	largePieceBytes   = 512 << 10
	maxLargePieces    = MaxLargeBytes / largePieceBytes
)
