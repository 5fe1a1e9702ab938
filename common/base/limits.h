// SPDX-License-Identifier: Apache-2.0
// Every limit of the system: name, unit, and why it is what it is. A peer or file that goes over
// one is refused with an error that names the limit; nothing is cut silently.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tributary::limits {

// --- wire ---
// A bulk chunk; large enough that framing costs nothing, small enough that a heartbeat waits at
// most ~10 ms at 100 MB/s.
inline constexpr std::size_t kChunkBytesMax = 1u << 20;
// A control frame: the largest is a job document plus its data plan.
inline constexpr std::size_t kControlBytesMax = 1u << 20;
// Control frames waiting to be sent to one peer; a peer that does not read is closed.
inline constexpr std::size_t kControlQueueMax = 4096;
// Blob transfers running in one direction of one link.
inline constexpr std::size_t kTransfersPerLinkMax = 4;
// One model or update; larger than any model this hardware could train.
inline constexpr std::uint64_t kBlobBytesMax = 64ull << 30;
// Handshake, TLS and first message together; keeps slow-loris peers from holding a slot.
inline constexpr std::int64_t kHandshakeMs = 10'000;
// A peer is asked for a sign of life this often, and given up after three silent periods.
inline constexpr std::int64_t kHeartbeatMs = 5'000;
inline constexpr std::int64_t kSilenceMs = 3 * kHeartbeatMs;
// A power cut takes at most so much of a blob that is being received: it is synced this often. An
// fsync of it takes a good disk 30 to 100 ms, and the bytes must reach the disk in any case.
inline constexpr std::uint64_t kPartialSyncBytes = 64ull << 20;
// An update may be larger than its model by this much: the header of another safetensors writer.
inline constexpr std::uint64_t kUpdateHeaderMax = 1u << 20;
// Links the listener greets at once that are not authenticated yet; others wait in the kernel.
inline constexpr std::size_t kHandshakesMax = 512;
// Addresses that dialled within the last second, each with its count: a few MiB. More than these is
// an attack from everywhere, and the new ones of them are not heard.
inline constexpr std::size_t kDialAddressesMax = 20'000;
// Lines of the log about peers that were turned away, a second; the others are counted.
inline constexpr std::int64_t kRefusalsToldMax = 20;
// New links of sites that coordinator.yaml may let in a second: more than a machine greets.
inline constexpr std::int64_t kAdmissionRateMax = 10'000;
// A site that was told when to come is let in this much later too: it may dial in time and take the
// longest handshake.
inline constexpr std::int64_t kTurnMs = kHandshakeMs;
// Days before the end of a certificate from which on it is warned of, each day.
inline constexpr std::int64_t kExpiryWarningDays = 14;
// From SIGTERM to the end, whatever the peers do.
inline constexpr std::int64_t kShutdownMs = 10'000;

// --- jobs ---
inline constexpr std::size_t kJobDocumentBytesMax = 256u << 10;
inline constexpr std::uint32_t kRoundsMax = 100'000;
inline constexpr std::uint32_t kAttemptsMax = 100;
inline constexpr std::size_t kSitesMax = 20'000;
// Deadlines and other waits of a job: long enough for a frame to come back, short enough to end.
inline constexpr std::int64_t kWaitMinMs = 100;
inline constexpr std::int64_t kWaitMaxMs = 365ll * 24 * 3'600'000;
inline constexpr std::int64_t kPriorityMax = 100;
// A sum of fewer sites tells each of them the others' parts.
inline constexpr std::uint32_t kSitesOfASumMin = 3;
// Sites asked to build the initial model; the most frequent digest wins, so one broken site cannot
// spoil it.
inline constexpr std::size_t kInitializersMax = 5;
// Pause before the second attempt of a round or phase; doubled for each further one.
inline constexpr std::int64_t kRetryFirstMs = 1'000;
inline constexpr std::int64_t kRetryMs = 60'000;
// What could not be stored (full disk) is tried again after this long.
inline constexpr std::int64_t kFinishRetryMs = 10'000;
// A site whose policy does not let a job run yet is asked again after this long: soon enough for a
// person who has just approved it.
inline constexpr std::int64_t kPendingMs = 10'000;
// Times of trainings that are remembered of each site, for deadlines and selection.
inline constexpr std::size_t kTimesKept = 10;
// Jobs queued or running; a queue longer than this is a mistake in a script.
inline constexpr std::size_t kJobsMax = 1'000;
// A site's own count of examples, before the job's cap; 2^31 keeps n·x exact in double and the sums
// in 64 bits.
inline constexpr std::uint64_t kExamplesMax = 1ull << 31;
inline constexpr std::size_t kTensorsMax = 10'000;
inline constexpr std::size_t kTensorNameMax = 256;
inline constexpr std::size_t kTensorRankMax = 8;
// safetensors' own limit for its header is 100 MB; a header of 10 000 tensors takes about 1.5 MB.
inline constexpr std::size_t kSafetensorsHeaderMax = 16u << 20;
// Window of compressed updates, as a power of two: 8 MiB is what zstd's levels up to 19 use at
// most, and 1 MiB what we write, since updates hardly repeat themselves. The coordinator holds one
// window for each update that it reads.
inline constexpr int kZstdWindowLogMax = 23;
inline constexpr int kZstdWindowLog = 20;
// Levels beyond 19 want larger windows, and minutes for a large model.
inline constexpr int kZstdLevelMax = 19;

// --- site ---
// Jobs that a site remembers, with what a person decided about each: years of them, and no more
// than a coordinator could fill a disk with (a job's document each).
inline constexpr std::size_t kJobsKnownMax = 256;
// Tasks waiting at one site for its one trainer; more offers are declined as busy.
inline constexpr std::size_t kTasksQueuedMax = 16;
// Finished results a site keeps until their rounds are committed; above it the oldest answered one
// goes.
inline constexpr std::size_t kResultsKeptMax = 64;
// Jobs whose latest model a site keeps between tasks, so that train and evaluate of one round share
// a download.
inline constexpr std::size_t kJobModelsMax = 8;
// Redial: first and longest mean wait; a link must last kLinkProvenMs, or bring a result home,
// before the waits start from the first again.
inline constexpr std::int64_t kRedialFirstMs = 500;
inline constexpr std::int64_t kRedialMs = 60'000;
inline constexpr std::int64_t kLinkProvenMs = 10'000;
// The longest a coordinator may send a site away for, and over which it may spread its sites'
// return after a broken link; a mistyped value must not park a site for good.
inline constexpr std::int64_t kRetryAfterMs = 600'000;
// A running task reports its progress no more often than this.
inline constexpr std::int64_t kProgressMs = 1'000;
// A blob that a peer sends with a wrong digest is thrown away and asked for again this many times.
inline constexpr int kBlobRetries = 2;
// Blobs that an earlier life of a site left and that no kept result needs: more than one life can
// leave (four for each task: model, the one before it, what changed, module; two for each job)
// comes of a program that cannot stay up, and all go.
inline constexpr std::size_t kLeftBlobsMax = 4 * (kTasksQueuedMax + 1) + 2 * kJobModelsMax;
// A training's state: weights, two moments of each, and the module that a TorchScript job brings.
inline constexpr std::uint64_t kCheckpointBytesMax = 4 * kBlobBytesMax;
// Between two checkpoints a training goes on for so many times what the first of them took: they
// cost one twentieth of the time at most.
inline constexpr std::int64_t kCheckpointPause = 19;

// --- data ---
inline constexpr std::size_t kColumnsMax = 10'000;
// One-hot columns of one category; more is a free text column by mistake, and could carry records.
inline constexpr std::size_t kCategoriesMax = 1'000;
inline constexpr std::size_t kCategoryNameMax = 64;
// Column names and words of a site's summary and of a job's data plan: they travel in one message.
inline constexpr std::size_t kPlanBytesMax = 512u << 10;
// A mean or deviation beyond this is a fault of a file; below it, sums over all sites stay finite.
inline constexpr double kStatisticMax = 1e100;
inline constexpr std::size_t kCsvFieldBytesMax = 1u << 20;
inline constexpr std::uint64_t kDatasetBytesMax = 64ull << 30;
inline constexpr std::size_t kClassesMax = 10'000;
// Bins of the score histogram from which AUC is computed over sites.
inline constexpr std::size_t kScoreBins = 4096;
// Bins of the winning class's probability, for calibration over sites.
inline constexpr std::size_t kConfidenceBins = 32;
// Classes of which every confusion is counted: 4096 numbers; more say only how often each was
// right.
inline constexpr std::size_t kConfusionClassesMax = 64;
// Labels of one row: the pixels of a picture of 2048 x 2048.
inline constexpr std::int64_t kPlacesMax = 1 << 22;
// Cells of one column's values that a site tells of: quantiles to one percent over 100 decades.
inline constexpr std::size_t kQuantileCellsMax = 4096;
// Rows beyond this many bytes lie in a file without a name, of which memory holds what is in use.
inline constexpr std::uint64_t kRowsInMemoryMax = 1ull << 30;
// Width and height of a picture; a larger one is no picture to train on, or a trap for its decoder.
inline constexpr std::int64_t kPictureSideMax = 16'384;
// Faulty records of a site that its log names one by one; the others are counted.
inline constexpr std::size_t kFaultyRecordsNamed = 10;
// One text; a longer one is a file taken for a line.
inline constexpr std::size_t kTextBytesMax = 1u << 20;
// Ids of a tokenizer that sites agree on: their words travel in a plan of kPlanBytesMax.
inline constexpr std::int64_t kVocabularyMax = 32'768;

// --- learning ---
// One forward pass of an evaluation: inputs of at most 4 MiB, so that activations stay in tens of
// MiB.
inline constexpr std::int64_t kEvaluationBatchFloats = 1 << 20;
inline constexpr std::int64_t kEvaluationBatchRowsMax = 512;
// Layers within layers of a model; U-Nets and residual blocks need about eight.
inline constexpr int kLayerDepthMax = 32;
// Steps of a recurrent or spiking layer, and places that attention compares with each other.
inline constexpr std::int64_t kSequenceMax = 16'384;

// --- signatures ---
// A chain of certificates in PEM: a leaf and two issuers take 4 KiB with RSA.
inline constexpr std::size_t kCertificatesBytesMax = 64u << 10;
// RSA of 8192 bits; ours take 72.
inline constexpr std::size_t kSignatureBytesMax = 1u << 10;

// --- files ---
inline constexpr std::size_t kConfigBytesMax = 1u << 20;
// Nesting of a YAML file; ours need five. Bounds the recursion of whoever walks the tree.
inline constexpr std::size_t kConfigDepthMax = 16;
// Faults of one file that are told at once; the rest is counted.
inline constexpr std::size_t kConfigFaultsMax = 50;

// --- logs ---
// One field of an event; a peer's message may be longer and is then cut with its full size named.
inline constexpr std::size_t kLogValueBytesMax = 2048;

// --- audit ---
// One line of an audit log: a round of kSitesMax participants takes about 8 MB.
inline constexpr std::size_t kAuditLineBytesMax = 64u << 20;
// Hashes of a consistency proof: two for each level of a tree of 2^63 records at most.
inline constexpr std::size_t kAuditProofMax = 128;
// Faults of an audit log that are told at once; the rest is counted.
inline constexpr std::size_t kAuditFaultsMax = 50;

}  // namespace tributary::limits
