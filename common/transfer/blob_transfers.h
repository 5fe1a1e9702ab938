// SPDX-License-Identifier: Apache-2.0
// BlobTransfers: both sides of the blob protocol on one link (grammar: proto/README.md). The asker
// resumes at the byte where an earlier link or an earlier life of either side stopped, checks the
// digest, and asks again a bounded number of times; a wrong digest over bytes that did not all come
// on this link is nobody's fault, and is asked for again from the start without being counted. The
// server reads as the link can take it. One object per link, on the link's thread, owned by the
// driver; it dies with the link and leaves what has arrived in the store. It opens no socket, and
// decides neither what is asked for nor what may be served.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/chunk.h"
#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/domain/messages.h"
#include "common/domain/task.h"
#include "common/storage/blob_store.h"
#include "common/wire/transfer_port.h"

namespace tributary {

class BlobTransfers {
 public:
  // Of one fetch, between the network and the disk: the chunk that is being read and those that
  // wait for the work queue.
  static constexpr std::size_t kUnwrittenBytesMax = 3 * limits::kChunkBytesMax;
  static constexpr std::uint64_t kHeldBytesMax = kUnwrittenBytesMax + limits::kChunkBytesMax;

  // Called once for each fetch that was not cancelled, when the blob is durable in the store or is
  // given up: kDataLoss (wrong digest or size), kNotFound (the peer has no such blob),
  // kResourceExhausted (disk full), or the store's error. May call fetch() and cancel(), and must
  // not destroy the transfers.
  using FetchDone = std::function<void(const BlobRef& blob, const Status& outcome)>;
  // Opens a blob for the peer. Whatever the error, a blob that it may not have or none of that
  // name, the peer is told the same.
  using Serve = std::function<Result<std::unique_ptr<ReadFile>>(const Digest& digest)>;

  // Told of each fetch that goes on at a byte other than the first.
  using Resumed = std::function<void(const BlobRef& blob, std::uint64_t offset)>;

  // Does `work` elsewhere, one after another in the order of the calls, and forgets it; then calls
  // `then` on the link's thread. For digests and disks, which would hold up every other link.
  using WorkQueue = std::function<void(std::function<void()> work, std::function<void()> then)>;

  struct Options {
    Resumed resumed = {};
    WorkQueue work = {};  // none: all on the link's thread, at once
  };

  // What is fetched goes into `store`.
  BlobTransfers(BlobStore& store, TransferPort& port, Serve serve, FetchDone done, Options options);
  BlobTransfers(BlobStore& store, TransferPort& port, Serve serve, FetchDone done)
      : BlobTransfers(store, port, std::move(serve), std::move(done), Options{}) {}
  ~BlobTransfers();
  BlobTransfers(const BlobTransfers&) = delete;
  BlobTransfers& operator=(const BlobTransfers&) = delete;

  // Asks for `blob`; more than kTransfersPerLinkMax at once wait for their turn. One that is here
  // already is done at once (before fetch returns); one that is being fetched is not asked for
  // twice. Fails only with the link.
  Status fetch(const BlobRef& blob);
  // The blob is no longer wanted. What has arrived stays in the store; `done` is not called.
  void cancel(const Digest& digest);

  // For the driver's reader: true for the four messages that on_message takes. A failed Status
  // means that the peer broke the grammar, or that the link is gone: close it.
  static bool is_mine(const Message& message);
  Status on_message(const Message& message);
  Status on_chunk(std::uint32_t stream, Chunk chunk);

  std::size_t fetching() const { return asked_.size() + waiting_.size(); }
  std::size_t serving() const;

 private:
  struct Sink;
  struct Asked;
  struct Served;

  Status ask(const BlobRef& blob, int retries);
  Status on_start(const BlobStart& start);
  Status on_refused(const BlobRefused& refused);
  Status on_request(const BlobRequest& request);
  void on_cancelled(const BlobCancel& cancel);
  void do_work(std::uint32_t stream, std::size_t bytes, std::function<Status()> work,
               void (BlobTransfers::*then)(std::uint32_t stream, const Status& outcome));
  void note_unwritten(std::size_t bytes);
  void on_written(std::uint32_t stream, const Status& outcome);
  void complete(std::uint32_t stream);
  void on_committed(std::uint32_t stream, const Status& outcome);
  Status give_up(std::uint32_t stream, Error error);
  Status settle(const BlobRef& blob, const Status& outcome);
  Status ask_next();

  BlobStore& store_;
  TransferPort& port_;
  Serve serve_;
  FetchDone done_;
  Options options_;
  std::size_t unwritten_ = 0;  // bytes of chunks that the work queue has, their buffers' at least
  bool paused_ = false;        // the peer waits for it
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for its answers
  std::uint32_t next_stream_ = 1;
  std::map<std::uint32_t, std::unique_ptr<Asked>> asked_;  // by our stream
  std::deque<BlobRef> waiting_;
  std::map<std::uint32_t, std::shared_ptr<Served>> served_;  // by the peer's stream
};

}  // namespace tributary
